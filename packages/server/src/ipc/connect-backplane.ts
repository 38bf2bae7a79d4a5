import { randomUUID } from 'node:crypto'
import type { Backplane, BackplaneSubscriber, PublishResult, ReadResult } from '../backplane/backplane.js'
import type { BackplaneRegistry } from '../backplane/registry.js'
import type { RunStore } from '../backplane/run-store.js'
import { ConfigurationError } from '../runtime/errors.js'
import { checkPath } from './address.js'
import { IpcProtocolError, IpcUnavailableError } from './errors.js'
import { HostConnection } from './host-connection.js'
import type { WentLive } from './host-link.js'
import type { Attached } from './serve-backplane.js'
import { type DeliveryFrame, fromWire, parts } from './wire.js'
import { catchUp, type ReadAll, WorkerChannels } from './worker-channels.js'

export interface ConnectBackplaneOptions {
  /** The path that the serving process passed to `serveBackplane`. */
  path: string
  /**
   * Time for each call, in milliseconds. A call during a break waits for the next connection. @default 5_000
   */
  timeoutMs?: number
}

/**
 * Connects to the backplane that another process of this machine serves with `serveBackplane`. Resolves once connected; a
 * worker may start before the serving process. After a break, it reconnects by itself, delivers the events stored meanwhile,
 * and reports a gap where events were lost.
 *
 * @throws {IpcUnavailableError} (by rejecting) if nothing answers at the path within `timeoutMs`.
 * @throws {IpcProtocolError} (by rejecting) if the other process has another version of the protocol.
 * @throws {ConfigurationError} (by rejecting) if an option has an invalid value.
 */
export async function connectBackplane(options: ConnectBackplaneOptions): Promise<Backplane> {
  const { path, timeoutMs = 5_000 } = options
  checkPath(path)
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    throw new ConfigurationError('timeoutMs', timeoutMs, 'Pass a number of milliseconds above 0.')
  }
  const worker = new Worker(path, timeoutMs)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const cause = worker.lastError
      const reason = `nothing answers at "${path}" within ${timeoutMs} ms${cause ? ` (${cause.message})` : ''}.`
      reject(new IpcUnavailableError('connect', reason, cause && { cause }))
    }, timeoutMs)
  })
  try {
    return backplaneOf(worker, await Promise.race([worker.first, late]))
  } catch (error) {
    worker.close()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function backplaneOf(worker: Worker, { registry, runs }: Attached): Backplane {
  const part = (name: string, methods: readonly string[], once: string) =>
    Object.fromEntries(
      methods.map((method) => [
        method,
        (...args: readonly unknown[]) => worker.call(`${name}.${method}`, args, method !== once),
      ]),
    ) as unknown
  const registryMethods = parts.registry.filter((method) => method !== 'count' || registry?.count)
  return {
    // `evict` and `finish` give their first caller an answer that a second call would not get.
    ...(registry && { registry: part('registry', registryMethods, 'evict') as BackplaneRegistry }),
    ...(runs && { runs: part('runs', parts.runs, 'finish') as RunStore }),
    publish: (channel, message, options) =>
      worker.call(
        'publish',
        [channel, message, options],
        options.idempotencyKey !== undefined,
      ) as Promise<PublishResult>,
    subscribe: (channel, subscriber) => worker.subscribe(channel, subscriber),
    unsubscribe: (channel, subscriber) => worker.unsubscribe(channel, subscriber),
    read: (channel, after, limit) => worker.call('read', [channel, after, limit], true) as Promise<ReadResult>,
    seek: (channel, count, before) => worker.call('seek', [channel, count, before], true) as Promise<number>,
    forget: (channel) => worker.call('forget', [channel], true) as Promise<void>,
    close: () => worker.close(),
  }
}

/** Number of events that may arrive while the last part of the logs is read. */
const bufferLimit = 65_536

/** The worker's end of a backplane. */
class Worker {
  /** Settles when the worker is connected for the first time, or certain that it cannot be. */
  readonly first: Promise<Attached>
  readonly #id = randomUUID()
  readonly #connection: HostConnection
  readonly #channels = new WorkerChannels()
  /** Frames that arrived before the logs were read to their end; `undefined` while frames are delivered as they arrive. */
  #buffer: DeliveryFrame[] | undefined = []
  /** The number of live-only events and gaps that this worker has, as the host counts them. */
  #unlogged = 0
  /** Identifies the host's subscriptions that `#unlogged` counts. */
  #link = ''
  #attached: Attached | undefined
  /** Resolves when frames are delivered as they arrive. */
  #live: { readonly promise: Promise<void>; resolve(): void } = createSignal()
  /** Reasons of the present break that the subscribers know. */
  readonly #alarms = new Set<'broken' | 'version'>()

  constructor(path: string, timeoutMs: number) {
    let resolveFirst: (attached: Attached) => void
    let rejectFirst: (error: Error) => void
    this.first = new Promise((resolve, reject) => {
      resolveFirst = resolve
      rejectFirst = reject
    })
    this.#connection = new HostConnection({
      path,
      timeoutMs,
      attach: async () => {
        const attached = (await this.#connection.request('attach', [this.#id, this.#channels.names])) as Attached
        this.#attached = attached
        resolveFirst(attached)
      },
      attached: () => this.#catchUp(),
      lost: (error) => {
        if (error instanceof IpcProtocolError) rejectFirst(error)
        this.#lost(error)
      },
      receive: (frame) => this.#receive(frame),
    })
    this.#connection.connect()
  }

  /** The reason of the present break. */
  get lastError(): Error | undefined {
    return this.#connection.lastError
  }

  call(method: string, args: readonly unknown[], repeatable: boolean): Promise<unknown> {
    return this.#connection.call(method, args, repeatable)
  }

  async subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    this.#channels.add(channel, subscriber)
    try {
      const position = (await this.call('subscribe', [channel], true)) as number
      // Settled earlier, it would need events from the logs that are still being delivered.
      while (this.#buffer) await this.#live.promise
      this.#channels.settle(channel, subscriber, position)
    } catch (error) {
      this.unsubscribe(channel, subscriber)
      throw error
    }
    // The channel lost its subscribers while the call waited for a connection.
    if (!this.#channels.has(channel)) this.#release(channel)
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    if (this.#channels.remove(channel, subscriber)) this.#release(channel)
  }

  #release(channel: string): void {
    // If this fails, the host learns the remaining channels with the next connection.
    this.#connection.request('unsubscribe', [channel]).catch(() => {})
  }

  #receive(frame: DeliveryFrame): void {
    if (!this.#buffer) this.#deliver(frame)
    else if (this.#buffer.push(frame) > bufferLimit) {
      this.#connection.restart(new Error('More events came than could be kept while the logs were read.'))
    }
  }

  #deliver([kind, subject, message]: DeliveryFrame): void {
    if (kind === 'health') this.#channels.health(subject && fromWire(subject))
    else {
      if (kind === 'gap' || message.position === undefined) this.#unlogged++
      if (kind === 'gap') this.#channels.gap(subject)
      else this.#channels.deliver(subject, message)
    }
  }

  /** Delivers the events stored during a break, then those that arrive. */
  async #catchUp(): Promise<void> {
    const readAll: ReadAll = (reads) => this.#connection.request('readAll', [reads]) as ReturnType<ReadAll>
    const { link, storedPosition: lastStored } = this.#attached!
    const isNew = this.#link !== link
    if (isNew) {
      // Another host, or one that has forgotten this worker.
      this.#link = link
      this.#unlogged = 0
      this.#channels.rewind(lastStored)
      this.#channels.gap(undefined)
    }
    // Reads most of it while the host holds back new events. The second pass finds little.
    await catchUp(this.#channels, Infinity, readAll, isNew)
    const { missed, unlogged, storedPosition } = (await this.#connection.request('goLive', [
      this.#unlogged,
    ])) as WentLive
    for (const channel of missed) this.#channels.gap(channel)
    this.#unlogged = unlogged
    await catchUp(this.#channels, storedPosition, readAll)
    for (const frame of this.#buffer!) this.#deliver(frame)
    this.#buffer = undefined
    this.#live.resolve()
    if (this.#alarms.size > 0) this.#channels.health(undefined)
    this.#alarms.clear()
  }

  #lost(error: Error): void {
    if (!this.#buffer) this.#live = createSignal()
    this.#buffer = []
    const isVersion = error instanceof IpcProtocolError
    if (this.#alarms.has('version') || (!isVersion && this.#alarms.has('broken'))) return
    this.#alarms.add(isVersion ? 'version' : 'broken')
    const broken = () => new IpcUnavailableError('subscribe', 'the connection broke.', { cause: error })
    this.#channels.health(isVersion ? error : broken())
  }

  close(): void {
    this.#connection.close()
    this.#channels.clear()
  }
}

function createSignal() {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
