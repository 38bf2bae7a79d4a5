import type { EventContract } from '@rivulet/core'
import { checkName } from '../backplane/name.js'
import type { RunCreated, RunCreation, RunRecord, RunStore } from '../backplane/run-store.js'
import { createMessage } from '../delivery/message.js'
import { type EventManager, streamsOf } from '../event-manager.js'
import { ConfigurationError, ManagerClosedError } from '../runtime/errors.js'
import { tell } from '../runtime/guard.js'
import type { Sink } from '../sinks/sink.js'
import { receive, type StreamRequest } from '../streams/reception.js'
import type { Streams } from '../streams/streams.js'
import { EndWatch } from './end-watch.js'
import { TooManyRunsError } from './errors.js'
import { Leases } from './leases.js'
import { isSource, type MapItem, type Producer, produce, type RunOutput } from './producer.js'
import { endOf, Production } from './production.js'
import { infoOf, type RunInfo } from './run-info.js'
import { checkNumbers, checkText } from './run-options.js'
import { RunReading } from './run-reading.js'
import type { RunStreamOptions } from './run-route.js'
import { answerStop, type RunStopOptions, type StopAnswer } from './run-stop.js'

export interface RunManagerOptions<Contract extends EventContract, Context = unknown> {
  /**
   * The manager whose contract, backplane and `onError` the runs use. Its backplane must be able to store runs, as all of
   * Rivulet's can.
   */
  manager: EventManager<Contract, Context>
  /**
   * The time without a sign of its node after which a run ends as `failed: 'producer lost'`, in milliseconds. A producer
   * whose process is suspended for longer loses its run. @default 15_000
   */
  leaseMs?: number
  /** The time for which a run and its events are kept after its end, in milliseconds. @default 3_600_000 (one hour) */
  keepMs?: number
  /**
   * The time after which a run ends as `failed: 'timeout'`, in milliseconds; `Infinity`: never. @default 3_600_000 (one hour)
   */
  timeoutMs?: number
  /**
   * The maximum number of characters of event data that a run keeps. The newest events and the end stay. @default 8_388_608
   */
  maxBytes?: number
  /** The maximum number of running runs per key, on all nodes. @default Infinity */
  maxRunningPerKey?: number
}

export interface StartRunOptions<Contract extends EventContract, Item> {
  /** The owner of the run: for `list`, for `maxRunningPerKey`, and for your `authorize` to compare. Not empty. */
  key?: string
  /** Turns the items of an iterable or a stream into events. @default The items are events, `{ type, payload }` */
  map?: MapItem<Contract, Item>
  /** @default The manager's */
  keepMs?: number
  /** @default The manager's */
  timeoutMs?: number
}

/** The result of `start`. */
export interface StartedRun extends RunInfo {
  /** `true` if this call started the run; `false` if the id already had one, running or over. */
  readonly started: boolean
  /**
   * Resolves when this process has nothing left to do for the run: for `waitUntil` on platforms that stop a process after its
   * response. Never rejects.
   */
  readonly finished: Promise<void>
}

/** The time for which `close` waits for the backplane, in milliseconds. */
const leaveMs = 2_000

/**
 * Starts streams that end: answers of a model, imports, builds. A run continues whether or not anyone reads it, is kept for a
 * while after its end, can be stopped on any node, and ends once: `done`, `stopped` or `failed`.
 *
 * @example
 * const runs = new RunManager({ manager })
 * await runs.start('answer:42', { key: user.id }, async ({ publish, signal }) => {
 *   for await (const text of model(prompt, { signal })) await publish('token', { text })
 * })
 */
export class RunManager<Contract extends EventContract, Context = unknown> {
  readonly #options: Required<RunManagerOptions<Contract, Context>>
  readonly #streams: Streams
  readonly #store: RunStore
  readonly #leases: Leases<Contract>
  readonly #productions = new Map<string, Production<Contract>>()
  /** Their work. */
  readonly #working = new Set<Promise<void>>()
  #closed: Promise<void> | undefined

  /** @throws {ConfigurationError} if the manager's backplane cannot store runs, or an option has an invalid value. */
  constructor(options: RunManagerOptions<Contract, Context>) {
    const { leaseMs = 15_000, keepMs = 3_600_000, timeoutMs = 3_600_000, maxBytes = 8_388_608 } = options
    const { manager, maxRunningPerKey = Infinity } = options
    this.#options = { manager, leaseMs, keepMs, timeoutMs, maxBytes, maxRunningPerKey }
    checkNumbers({ leaseMs, keepMs, timeoutMs, maxBytes, maxRunningPerKey })
    this.#streams = streamsOf(manager)
    const { backplane, clock } = this.#streams.runtime
    if (!backplane.runs) {
      throw new ConfigurationError('manager', 'one without runs', 'Pass a manager whose backplane can store runs.')
    }
    this.#store = backplane.runs
    this.#leases = new Leases({
      store: this.#store,
      clock,
      leaseMs,
      productions: this.#productions,
      report: (error) => this.#report(error),
    })
    // At once: the node that takes the place of one that died may have no other reason to look.
    this.#leases.begin()
  }

  /**
   * Starts a run, unless one with this id exists: then nothing is started, whatever its state, and that run is returned. A
   * request that is sent twice therefore starts only one run.
   *
   * Resolves as soon as the run exists. Its producer continues whether or not anyone reads. An error of the producer goes to
   * `onError` (stage `run`) and ends the run as `failed`. Readers get the reason of a `RunFailure`; for any other error they
   * get `error`.
   *
   * @param id Identifies the output, for example an answer. Not empty.
   * @throws {TooManyRunsError} {ManagerClosedError} {ConfigurationError}, or the error of the backplane.
   */
  async start<Item = RunOutput<Contract>>(
    id: string,
    options: StartRunOptions<Contract, Item>,
    producer: Producer<Contract, Item>,
  ): Promise<StartedRun> {
    const { key, map, keepMs = this.#options.keepMs, timeoutMs = this.#options.timeoutMs } = options
    const { leaseMs, maxBytes, maxRunningPerKey } = this.#options
    if (this.#closed) throw new ManagerClosedError()
    checkName('id', id)
    if (key !== undefined) checkName('key', key)
    checkNumbers({ keepMs, timeoutMs })
    if (typeof producer !== 'function' && !isSource(producer)) {
      throw new ConfigurationError('producer', producer, 'Pass a function, an async iterable or a ReadableStream.')
    }
    const { backplane, clock } = this.#streams.runtime
    const token = crypto.randomUUID()
    const watch = new EndWatch(backplane, id, () => this.#leases.look())
    // Before the run exists: nobody can stop it without this node hearing of it.
    await watch.begin()
    const leasedUntil = clock.now() + leaseMs
    const created = await this.#create(id, watch, {
      token,
      key,
      leaseMs,
      keepMs,
      maxBytes,
      maxRunning: maxRunningPerKey,
    })
    const { run } = created
    if (!created.created) {
      this.#stop(watch)
      if (!run) throw new TooManyRunsError(key!, maxRunningPerKey)
      return { ...infoOf(await this.#upToDate(run)), started: false, finished: Promise.resolve() }
    }
    const { contract, source: defaultSource } = this.#streams.options
    const production = new Production<Contract>({
      id,
      token,
      beginning: created.run.beginning,
      store: this.#store,
      clock,
      leaseMs,
      leasedUntil,
      timeoutMs,
      encode: (event, payload, { source = defaultSource, timestamp = clock.now() } = {}) =>
        createMessage(contract, event, payload, { source, timestamp }),
      report: (error) => this.#report(error, id),
      onOver: () => {
        this.#stop(watch)
        this.#productions.delete(id)
      },
    })
    this.#productions.set(id, production)
    watch.tell(created.run.beginning, (outcome) => production.ended(outcome))
    const finished = production.run((producing) => produce(producer, map, producing))
    this.#working.add(finished)
    void finished.finally(() => this.#working.delete(finished))
    if (this.#closed) production.shutDown()
    return { ...infoOf(created.run), started: true, finished }
  }

  async #create(id: string, watch: EndWatch, creation: RunCreation): Promise<RunCreated> {
    try {
      return await this.#store.create(id, creation)
    } catch (error) {
      this.#stop(watch)
      throw error
    }
  }

  #stop(watch: EndWatch): void {
    tell(
      () => watch.stop(),
      (error) => this.#report(error),
    )
  }

  /**
   * Ends a run as `stopped`, on whichever node its producer is: the producer's `signal` aborts, and nothing that it publishes
   * afterwards is kept. Events published before stay.
   *
   * @param reason The reason for readers. @default 'stopped'
   * @returns True if this call ended the run. False if it was already over or does not exist.
   * @throws {ConfigurationError}, or the error of the backplane; stopping again is safe.
   */
  async stop(id: string, reason = 'stopped'): Promise<boolean> {
    checkName('id', id)
    checkText('reason', reason)
    return this.#store.finish(id, 'anyone', endOf({ state: 'stopped', reason }))
  }

  /** Returns a run; `undefined` if it does not exist, or no longer exists. @throws The error of the backplane. */
  async get(id: string): Promise<RunInfo | undefined> {
    checkName('id', id)
    const run = await this.#get(id)
    return run && infoOf(run)
  }

  async #get(id: string): Promise<RunRecord | undefined> {
    const run = await this.#store.get(id)
    return run && this.#upToDate(run)
  }

  /**
   * Lists the kept runs with a key, running or not, the most recently started first.
   *
   * @throws {ConfigurationError}, or the error of the backplane.
   */
  async list({
    key,
    limit = 100,
  }: {
    key: string
    /** The maximum number of runs. @default 100 */
    limit?: number
  }): Promise<RunInfo[]> {
    checkName('key', key)
    checkNumbers({ limit })
    const runs = await this.#store.list(key, limit)
    return (await Promise.all(runs.map((run) => this.#upToDate(run)))).map(infoOf)
  }

  /** A run whose lease is over is not shown as running. */
  async #upToDate(run: RunRecord): Promise<RunRecord> {
    if (!run.lapsed) return run
    await this.#leases.end(run.id)
    return (await this.#store.get(run.id)) ?? run
  }

  /**
   * Drops a run and its events early. A running one is stopped first. Readers that lack some of its events are told of a gap,
   * and new ones get 404.
   *
   * @throws {ConfigurationError}, or the error of the backplane; calling again is safe.
   */
  async forget(id: string): Promise<void> {
    checkName('id', id)
    while (!(await this.#store.forget(id))) await this.stop(id, 'forgotten')
  }

  /**
   * Shuts down: starts no more runs, waits for the producers in this process over the grace period, and ends the remaining
   * ones as `failed: 'shutdown'`. Close the runs before their manager. Further calls return the same promise.
   *
   * Resolves when all ends are stored, at most two seconds after the grace period.
   *
   * @throws {ConfigurationError} if `graceMs` is not such a number; nothing is closed then.
   */
  close({
    graceMs = 0,
  }: {
    /** The grace period in milliseconds, 0 or more. @default 0 */
    graceMs?: number
  } = {}): Promise<void> {
    checkNumbers({ graceMs })
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  async #close(graceMs: number): Promise<void> {
    if (graceMs > 0) await this.#idleWithin(graceMs)
    for (const production of this.#productions.values()) production.shutDown()
    await this.#idleWithin(leaveMs)
    this.#leases.stop()
  }

  /** Resolves when no producer is left, or so many milliseconds later. */
  async #idleWithin(ms: number): Promise<void> {
    const { clock } = this.#streams.runtime
    let timer: unknown
    const late = new Promise<void>((resolve) => {
      timer = clock.setTimeout(resolve, ms)
    })
    await Promise.race([Promise.all(this.#working), late])
    clock.clearTimeout(timer)
  }

  /**
   * Answers a request to read a run, or to start and read it, through a sink: with all of its events, or those after the
   * client's cursor, live until its end. The adapters call this. Resolves when the stream is open or refused; never rejects.
   */
  connect<Request, StreamContext extends Context | undefined = undefined>(
    request: StreamRequest<Request>,
    sink: Sink,
    options: RunStreamOptions<Request, StreamContext>,
  ): Promise<void> {
    const reading = new RunReading(this.#streams, (id) => this.#get(id), request.raw, options)
    const { refuseBusyWith } = options
    return receive(this.#streams, request, sink, { refuseBusyWith }, reading)
  }

  /** Answers a request to stop a run, for any HTTP implementation. The adapters call this. Never rejects. */
  answerStop<Request, RequestContext>(
    request: Request,
    options: RunStopOptions<Request, RequestContext>,
  ): Promise<StopAnswer> {
    const stop = async (id: string) => {
      await this.stop(id, options.reason)
      return this.get(id)
    }
    return answerStop(this.#streams, { get: (id) => this.#get(id), stop }, request, options)
  }

  #report(error: unknown, run?: string): void {
    this.#streams.runtime.report(error, { stage: 'run', run })
  }
}
