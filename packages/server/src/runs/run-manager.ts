import type { EventContract } from '@rivulet/core'
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
import { checkName, checkNumbers, checkText } from './run-options.js'
import { RunReading } from './run-reading.js'
import type { RunStreamOptions } from './run-route.js'
import { answerStop, type RunStopOptions, type StopAnswer } from './run-stop.js'

export interface RunManagerOptions<Contract extends EventContract> {
  /** Gives its contract, backplane and `onError` to the runs. Its backplane must have runs, as memory and Redis have. */
  manager: EventManager<Contract>
  /**
   * After how many milliseconds without a sign of its node a run is ended as `failed: 'producer lost'`. A producer whose
   * process stands still for longer loses its run. @default 15_000
   */
  leaseMs?: number
  /** For how many milliseconds a run is kept after its end, with its events. @default 3_600_000 (one hour) */
  keepMs?: number
  /**
   * After how many milliseconds a run is ended as `failed: 'timeout'`; `Infinity`: never. @default 3_600_000 (one hour)
   */
  timeoutMs?: number
  /** Maximum number of characters of event data that a run keeps. The newest events and the end stay. @default 8_388_608 */
  maxBytes?: number
  /** Maximum number of runs of one key at a time, on all nodes. @default Infinity */
  maxRunningPerKey?: number
}

export interface StartRunOptions<Contract extends EventContract, Item> {
  /** Whose run it is: for `list`, `maxRunningPerKey`, and for your `authorize` to compare. Not empty. */
  key?: string
  /** Makes events of the items of an iterable or a stream. @default They are events, `{ type, payload }` */
  map?: MapItem<Contract, Item>
  /** @default The manager's */
  keepMs?: number
  /** @default The manager's */
  timeoutMs?: number
}

/** A run that was asked for. */
export interface StartedRun extends RunInfo {
  /** `true` if this call started the run; `false` if the id already had one, running or over. */
  readonly started: boolean
  /**
   * Resolves when this process has nothing more to do for the run: for `waitUntil` of platforms that stop a process after its
   * response. Never rejects.
   */
  readonly finished: Promise<void>
}

/** For how many milliseconds `close` waits for the backplane to take note. */
const leaveMs = 2_000

/**
 * Starts streams that end: answers of a model, imports, builds. A run goes on whoever reads it, is kept for a while after its
 * end, can be stopped on any node, and ends once: `done`, `stopped` or `failed`.
 *
 * @example
 * const runs = new RunManager({ manager })
 * await runs.start('answer:42', { key: user.id }, async ({ publish, signal }) => {
 *   for await (const text of model(prompt, { signal })) await publish('token', { text })
 * })
 */
export class RunManager<Contract extends EventContract> {
  readonly #options: Required<RunManagerOptions<Contract>>
  readonly #streams: Streams
  readonly #store: RunStore
  readonly #leases: Leases<Contract>
  readonly #productions = new Map<string, Production<Contract>>()
  /** Their work. */
  readonly #working = new Set<Promise<void>>()
  #closed: Promise<void> | undefined

  /** @throws {ConfigurationError} when the manager's backplane has no runs, or an option has a value that makes no sense. */
  constructor(options: RunManagerOptions<Contract>) {
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
   * Starts a run, unless there is one with this id: then nothing is started, whatever became of that one, and it is given
   * back. So a request that is sent again starts nothing again.
   *
   * Resolves as soon as the run exists. Its producer goes on whoever reads. Whatever it throws or rejects with goes to
   * `onError` (stage `run`), and ends the run as `failed`; readers are told the reason of a `RunFailure`, and of anything
   * else only `error`.
   *
   * @param id Not empty, unique to what is produced.
   * @throws {TooManyRunsError} {ManagerClosedError} {ConfigurationError}, or what the backplane rejects with.
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
   * Ends a run as `stopped`, wherever its producer is: its `signal` aborts, and nothing that it publishes from now on is kept.
   * Its published events stay.
   *
   * @param reason Readers are told. @default 'stopped'
   * @returns Whether this call ended it. False where it was over already, or there is no such run.
   * @throws {ConfigurationError}, or what the backplane rejects with; stopping it again is safe.
   */
  async stop(id: string, reason = 'stopped'): Promise<boolean> {
    checkName('id', id)
    checkText('reason', reason)
    return this.#store.finish(id, 'anyone', endOf({ state: 'stopped', reason }))
  }

  /** A run; `undefined` where there is none, or none any more. @throws What the backplane rejects with. */
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
   * The runs with a key that are kept, running or not, the last started first.
   *
   * @param options.limit How many at most. @default 100
   * @throws {ConfigurationError}, or what the backplane rejects with.
   */
  async list({ key, limit = 100 }: { key: string; limit?: number }): Promise<RunInfo[]> {
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
   * Drops a run with its events, before its time. One that is running is stopped first. Readers that still lack some of it are
   * told of a gap, and new ones get 404.
   *
   * @throws {ConfigurationError}, or what the backplane rejects with; calling it again is safe.
   */
  async forget(id: string): Promise<void> {
    checkName('id', id)
    while (!(await this.#store.forget(id))) await this.stop(id, 'forgotten')
  }

  /**
   * Shuts down: starts nothing any more, waits for the producers in this process, and ends the rest as
   * `failed: 'shutdown'`. Close the runs before their manager. Calling it again returns the same promise.
   *
   * Resolves when their ends are written, at most two seconds after the grace period.
   *
   * @param options.graceMs In milliseconds, 0 or more. @default 0
   * @throws {ConfigurationError} when `graceMs` is no such number; nothing is closed then.
   */
  close({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
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
   * Answers a request to read a run, or to start and read it, by any sink: with all of it, or what comes after the client's
   * cursor, live until its end.
   * The adapters call this. Resolves when the stream is open or refused; never rejects.
   */
  connect<Request, Context>(
    request: StreamRequest<Request>,
    sink: Sink,
    options: RunStreamOptions<Request, Context>,
  ): Promise<void> {
    const reading = new RunReading(this.#streams, (id) => this.#get(id), request.raw, options)
    const { refuseBusyWith } = options
    return receive(this.#streams, request, sink, { refuseBusyWith }, reading)
  }

  /** Answers a request to stop a run, for any HTTP implementation. The adapters call this. Never rejects. */
  answerStop<Request, Context>(request: Request, options: RunStopOptions<Request, Context>): Promise<StopAnswer> {
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
