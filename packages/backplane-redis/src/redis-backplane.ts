import { randomUUID } from 'node:crypto'
import {
  type Backplane,
  type BackplaneMessage,
  type BackplaneRegistry,
  type BackplaneSubscriber,
  ConfigurationError,
  type PublishOptions,
  type PublishResult,
  type ReadResult,
  type Retention,
} from '@rivulet/server'
import { Batch } from './batch.js'
import { connector } from './connector.js'
import { EvictionCheck } from './eviction.js'
import { Greeting } from './greeting.js'
import { Keys } from './keys.js'
import { LiveFeed } from './live-feed.js'
import { encodeEvent } from './live-message.js'
import { type ReadRequest, readLogs, type SeekRequest, seekLogs } from './log.js'
import { Positions } from './positions.js'
import { Reconnector } from './reconnector.js'
import type { RedisClient } from './redis-client.js'
import { RedisLink } from './redis-link.js'
import { RedisRegistry } from './redis-registry.js'
import { bound, boundsPer, type RetentionBounds } from './retention.js'
import { forget, publish } from './scripts.js'
import type { ServerInfo } from './server-info.js'
import { Sweeper } from './sweeper.js'

export interface RedisBackplaneOptions {
  /** A client of `ioredis` or `redis` that says how to connect. The backplane opens two connections like it, and leaves it alone. */
  client: RedisClient
  /** Nodes with the same namespace share their events. It is part of every name in Redis, as `{namespace}:…`. @default 'rivulet' */
  namespace?: string
  /** What each channel keeps, or a function that says so per channel; the same on every node. */
  retention?: Retention | ((channel: string) => Retention)
  /** For how many milliseconds an idempotency key is remembered. @default 300_000 */
  idempotencyWindowMs?: number
  /** How long Redis may take to answer, in milliseconds. Then the connections are given up and opened anew. @default 2_000 */
  timeoutMs?: number
  /** For how many milliseconds a channel that nobody subscribes to any more is still listened to. @default 10_000 */
  lingerMs?: number
  /** After how many milliseconds without a message it is tried whether messages come. @default 10_000 */
  probeIntervalMs?: number
  /**
   * What a restart of Redis, or the promotion of a replica, means. `'gap'`: events that were acknowledged may be gone,
   * so every stream is told of a gap. `'trust'`: nothing is lost as long as no node knows better; right only where Redis
   * writes before it answers (`appendonly yes` and `appendfsync always`: the default `everysec` may answer first).
   * @default 'gap'
   */
  afterRestart?: 'gap' | 'trust'
  /**
   * What follows where Redis deletes keys when its memory is full (a `maxmemory-policy` other than `noeviction`).
   * `'refuse'`: everything rejects with `RedisSetupError` until that is changed. `'warn'`: a warning of the process. Events
   * that are deleted are told as gaps then, but a repeated publish may be stored again, and presence lack members.
   * @default 'refuse'
   */
  eviction?: 'refuse' | 'warn'
}

/**
 * Carries events between any number of nodes by one Redis (7 or newer) or Valkey: streams keep them, pub/sub brings them.
 *
 * Connects when it is first used. While Redis is away publishing and reading reject with `BackplaneUnavailableError` at
 * once, streams stay open, and what they missed is given to them in order afterwards.
 *
 * Redis must not evict keys (`maxmemory-policy noeviction`), and the user needs some rights: see `RedisSetupError`.
 *
 * @example
 * const backplane = new RedisBackplane({ client: new Redis(process.env.REDIS_URL) })
 * const manager = new EventManager({ events, backplane })
 */
export class RedisBackplane implements Backplane {
  readonly registry: BackplaneRegistry
  readonly #keys: Keys
  readonly #timeoutMs: number
  readonly #idempotencyWindowMs: number
  readonly #boundsOf: (channel: string) => RetentionBounds
  readonly #positions = new Positions()
  readonly #reads: Batch<ReadRequest, ReadResult>
  readonly #seeks: Batch<SeekRequest, number>
  readonly #feed: LiveFeed
  readonly #sweeper: Sweeper
  readonly #reconnector: Reconnector

  /** @throws {ConfigurationError} when an option has a value that makes no sense. */
  constructor(options: RedisBackplaneOptions) {
    const { namespace = 'rivulet', retention, timeoutMs = 2_000, lingerMs = 10_000, probeIntervalMs = 10_000 } = options
    const { client, idempotencyWindowMs = 300_000, afterRestart = 'gap', eviction = 'refuse' } = options
    if (namespace === '' || /[{}]/.test(namespace)) {
      throw new ConfigurationError('namespace', namespace, 'Give a name without braces: it becomes a hash tag.')
    }
    for (const [name, value] of Object.entries({ timeoutMs, probeIntervalMs, idempotencyWindowMs })) {
      if (!(value > 0 && value <= 2_147_483_647))
        throw new ConfigurationError(name, value, 'Give milliseconds above 0.')
    }
    if (!(lingerMs >= 0)) throw new ConfigurationError('lingerMs', lingerMs, 'Give milliseconds, 0 or more.')
    if (eviction !== 'refuse' && eviction !== 'warn')
      throw new ConfigurationError('eviction', eviction, "Give 'refuse' or 'warn'.")
    this.#keys = new Keys(namespace)
    this.#timeoutMs = timeoutMs
    this.#idempotencyWindowMs = idempotencyWindowMs
    this.#boundsOf = boundsPer(retention)
    this.#reads = new Batch(
      (link, requests) => readLogs(link, this.#keys, this.#positions.known, requests),
      ({ limit }) => limit,
    )
    this.#seeks = new Batch(
      (link, requests) => seekLogs(link, this.#keys, this.#positions.known, requests),
      ({ count }) => count,
    )
    this.#feed = new LiveFeed({
      keys: this.#keys,
      positions: this.#positions,
      node: randomUUID(),
      timeoutMs,
      lingerMs,
      probeIntervalMs,
      read: (link, channel, after, limit) => this.#readFrom(link, channel, after, limit),
    })
    const greeting = new Greeting(this.#keys, this.#positions, afterRestart)
    const connect = connector(client, this.#keys.clock, timeoutMs)
    const evictions = new EvictionCheck(eviction)
    this.#sweeper = new Sweeper(this.#keys, this.#positions, probeIntervalMs, (error) => this.#feed.report(error))
    this.#reconnector = new Reconnector(
      async () => {
        const onInfo = (info: ServerInfo) => evictions.check(info)
        const link = await RedisLink.open(connect, { keys: this.#keys, timeoutMs, onInfo })
        await greeting.on(link)
        return link
      },
      (link) => {
        this.#feed.up(link, this.#positions.known)
        this.#sweeper.up(link)
      },
      (error) => {
        this.#feed.down(error)
        this.#sweeper.down()
      },
    )
    this.registry = new RedisRegistry(this.#keys, this.#positions, this.#reconnector)
  }

  publish(channel: string, message: BackplaneMessage, options: PublishOptions): Promise<PublishResult> {
    return this.#reconnector.use('publish', async (link) => {
      let [outcome, text, now] = await this.#publishBy(link, channel, message, options)
      if (outcome === 'late') {
        // It was carried out too late by Redis's clock but is not by ours: that clock was set.
        link.clockOffsetMs = Number(now) - performance.now()
        ;[outcome, text, now] = await this.#publishBy(link, channel, message, options)
        if (outcome === 'late') throw new Error('It reached Redis too late to be carried out.')
      }
      const position = text ? Number(text) : undefined
      if (position === undefined) this.#positions.noteLiveOnly()
      else this.#positions.note(position)
      return { position, duplicate: outcome === 'duplicate' }
    })
  }

  #publishBy(
    link: RedisLink,
    channel: string,
    message: BackplaneMessage,
    { retain, idempotencyKey }: PublishOptions,
  ): Promise<string[]> {
    const keys = this.#keys
    const { maxEvents, maxBytes, maxAgeMs, headTtlMs } = this.#boundsOf(channel)
    const names = [keys.clock, keys.log(channel)]
    if (idempotencyKey !== undefined) names.push(keys.result(channel, idempotencyKey))
    // Redis may come to it long after we gave it up, when it was stopped: it must not be carried out then. We may give it up
    // a little early, as timers count from when the turn of the event loop began.
    const deadline = Math.floor(performance.now() + link.clockOffsetMs + 0.9 * this.#timeoutMs)
    const kept = retain ? [maxEvents, maxBytes, maxAgeMs] : [0, 0, 0]
    return link.call(publish, names, [
      this.#positions.known,
      deadline,
      keys.head(channel),
      link.local(keys.live(channel)),
      encodeEvent(message),
      ...kept.map(bound),
      bound(headTtlMs),
      this.#idempotencyWindowMs,
    ])
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    this.#reconnector.start()
    return this.#feed.subscribe(channel, subscriber)
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    this.#feed.unsubscribe(channel, subscriber)
  }

  read(channel: string, after: number, limit: number): Promise<ReadResult> {
    return this.#reconnector.use('read', (link) => this.#readFrom(link, channel, after, limit))
  }

  async #readFrom(link: RedisLink, channel: string, after: number, limit: number): Promise<ReadResult> {
    const result = await this.#reads.add(link, { channel, bounds: this.#boundsOf(channel), after, limit })
    this.#positions.note(result.storedPosition)
    return result
  }

  seek(channel: string, count: number): Promise<number> {
    const bounds = this.#boundsOf(channel)
    return this.#reconnector.use('seek', (link) => this.#seeks.add(link, { channel, bounds, count }))
  }

  async forget(channel: string): Promise<void> {
    const names = [this.#keys.clock, this.#keys.log(channel)]
    await this.#reconnector.use('forget', (link) => link.call(forget, names, [this.#positions.known]))
  }

  /** Closes the connections that the backplane opened; the client stays as it is. */
  close(): void {
    this.#reconnector.close()
    this.#sweeper.down()
    this.#feed.close()
  }
}
