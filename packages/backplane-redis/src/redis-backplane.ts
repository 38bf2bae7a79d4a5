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
  type RunStore,
  runOf,
} from '@rivulet/server'
import { connector } from './clients/connector.js'
import type { RedisClient } from './clients/redis-client.js'
import { EvictionCheck } from './link/eviction.js'
import { greet, History } from './link/history.js'
import { Keys } from './link/keys.js'
import { Reconnector } from './link/reconnector.js'
import { RedisLink } from './link/redis-link.js'
import type { Script } from './link/script.js'
import type { ServerInfo } from './link/server-info.js'
import { echo } from './live/echoes.js'
import { heads } from './live/heads.js'
import { LiveFeed } from './live/live-feed.js'
import { Batch } from './logs/batch.js'
import { forget, type ReadRequest, read, readLogs, type SeekRequest, seek, seekLogs } from './logs/logs.js'
import { type Outcome, type PublishRequest, publish, publishEvents, publishSize, readOutcome } from './logs/publish.js'
import { type RedisBounds, redisBoundsPer } from './logs/retention.js'
import { Sweeper, sweep } from './logs/sweeper.js'
import { RedisRegistry } from './registry/redis-registry.js'
import { registryScripts } from './registry/registry-scripts.js'
import { RedisRuns } from './runs/redis-runs.js'
import { type RunRead, readRun, readRuns } from './runs/run-logs.js'
import { append, finish } from './runs/run-output.js'
import * as runScripts from './runs/run-scripts.js'

const ofLogs: readonly Script[] = [publish, read, seek, forget, heads, echo, sweep, greet]
const ofRuns: readonly Script[] = [append, finish, readRun, ...Object.values(runScripts)]
const scripts: readonly Script[] = [...ofLogs, ...registryScripts, ...ofRuns]

export interface RedisBackplaneOptions {
  /**
   * A client of `ioredis` or `redis` that describes the connection. The backplane opens two like it, and does not touch it.
   */
  client: RedisClient
  /**
   * Nodes with the same namespace share their events. It is part of every name in Redis, as `{namespace}:…`. @default
   * 'rivulet'
   */
  namespace?: string
  /** The retention of each channel, or a function that gives it per channel; the same on every node. */
  retention?: Retention | ((channel: string) => Retention)
  /** The time in milliseconds for which an idempotency key is remembered. @default 300_000 */
  idempotencyWindowMs?: number
  /** The time in milliseconds within which Redis must answer. After that, the connections are opened again. @default 2_000 */
  timeoutMs?: number
  /** The time in milliseconds for which the backplane keeps listening to a channel without subscribers. @default 10_000 */
  lingerMs?: number
  /**
   * The time in milliseconds without a message after which the backplane checks that messages still arrive. @default 10_000
   */
  probeIntervalMs?: number
  /**
   * The meaning of a restart of Redis, or of the promotion of a replica. `'gap'`: acknowledged events may be lost, so every
   * stream is told of a gap. `'trust'`: nothing is lost unless a node knows otherwise. Choose it only if Redis writes to disk
   * before it answers (`appendonly yes` and `appendfsync always`: the default `everysec` may answer first).
   * @default 'gap'
   */
  afterRestart?: 'gap' | 'trust'
  /**
   * The reaction to a Redis that deletes keys when its memory is full (a `maxmemory-policy` other than `noeviction`).
   * `'refuse'`: everything rejects with `RedisSetupError` until the policy is changed. `'warn'`: the process emits a warning.
   * Deleted events are then reported as gaps, but a repeated publish may be stored twice, and presence may lack members.
   * @default 'refuse'
   */
  eviction?: 'refuse' | 'warn'
}

/**
 * Carries events between any number of nodes through one Redis (7 or newer) or Valkey: streams store them, and pub/sub
 * delivers them.
 *
 * Connects on first use. During an outage of Redis, publishing and reading reject at once with `BackplaneUnavailableError`;
 * streams stay open, and get the missed events in order afterwards.
 *
 * Redis must not evict keys (`maxmemory-policy noeviction`), and its user needs some rights: see `RedisSetupError`.
 *
 * @example
 * const backplane = new RedisBackplane({ client: new Redis(process.env.REDIS_URL) })
 * const manager = new EventManager({ events, backplane })
 */
export class RedisBackplane implements Backplane {
  readonly registry: BackplaneRegistry
  readonly runs: RunStore
  readonly #keys: Keys
  readonly #history: History
  readonly #boundsOf: (channel: string) => RedisBounds
  readonly #publishes: Batch<PublishRequest, Outcome>
  readonly #reads: Batch<ReadRequest, ReadResult>
  readonly #runReads: Batch<RunRead, ReadResult>
  readonly #seeks: Batch<SeekRequest, number>
  readonly #feed: LiveFeed
  readonly #sweeper: Sweeper
  readonly #reconnector: Reconnector

  /** @throws {ConfigurationError} if an option makes no sense. */
  constructor(options: RedisBackplaneOptions) {
    const { namespace = 'rivulet', retention, timeoutMs = 2_000, lingerMs = 10_000, probeIntervalMs = 10_000 } = options
    const { client, idempotencyWindowMs = 300_000, afterRestart = 'gap', eviction = 'refuse' } = options
    if (namespace === '' || /[{}]/.test(namespace)) {
      throw new ConfigurationError('namespace', namespace, 'Pass a name without braces: Rivulet uses it as a hash tag.')
    }
    for (const [name, value] of Object.entries({ timeoutMs, probeIntervalMs, idempotencyWindowMs })) {
      if (!(value > 0 && value <= 2_147_483_647))
        throw new ConfigurationError(name, value, 'Pass milliseconds, above 0.')
    }
    if (!(lingerMs >= 0)) throw new ConfigurationError('lingerMs', lingerMs, 'Pass milliseconds, 0 or more.')
    if (eviction !== 'refuse' && eviction !== 'warn')
      throw new ConfigurationError('eviction', eviction, "Pass 'refuse' or 'warn'.")
    const keys = new Keys(namespace)
    const history = new History(keys, afterRestart)
    this.#keys = keys
    this.#history = history
    this.#boundsOf = redisBoundsPer(retention)
    const settings = { keys, history, timeoutMs, idempotencyWindowMs }
    this.#publishes = new Batch((link, requests) => publishEvents(link, settings, requests), publishSize)
    this.#reads = new Batch(
      (link, requests) => readLogs(link, keys, history.known, requests),
      ({ limit }) => limit,
    )
    this.#runReads = new Batch(
      (link, requests) => readRuns(link, keys, history.known, requests),
      ({ limit }) => limit,
    )
    this.#seeks = new Batch(
      (link, requests) => seekLogs(link, keys, history.known, requests),
      ({ count }) => count,
    )
    this.#feed = new LiveFeed({
      keys,
      history,
      node: randomUUID(),
      timeoutMs,
      lingerMs,
      probeIntervalMs,
      read: (link, channel, after, limit) => this.#reading(channel, after, limit)(link),
    })
    const connect = connector(client, keys.clock, timeoutMs)
    const evictions = new EvictionCheck(eviction)
    this.#sweeper = new Sweeper(keys, history, probeIntervalMs, (error) => this.#feed.report(error))
    this.#reconnector = new Reconnector(
      async () => {
        const onInfo = (info: ServerInfo) => evictions.check(info)
        const link = await RedisLink.open(connect, { keys, timeoutMs, scripts, onInfo })
        await history.greet(link)
        return link
      },
      (link) => {
        this.#feed.up(link, history.known)
        this.#sweeper.up(link)
      },
      (error) => {
        this.#feed.down(error)
        this.#sweeper.down()
      },
    )
    this.registry = new RedisRegistry(keys, history, this.#reconnector)
    this.runs = new RedisRuns(keys, history, this.#reconnector)
  }

  async publish(channel: string, message: BackplaneMessage, options: PublishOptions): Promise<PublishResult> {
    const request = { channel, bounds: this.#boundsOf(channel), message, options }
    return this.#reconnector.use('publish', async (link) =>
      readOutcome(link, this.#history, await this.#publishes.add(link, request)),
    )
  }

  async subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    // The feed reads by these bounds: a retention that makes no sense must not end its link.
    this.#boundsOf(channel)
    this.#reconnector.start()
    return this.#feed.subscribe(channel, subscriber)
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    this.#feed.unsubscribe(channel, subscriber)
  }

  async read(channel: string, after: number, limit: number): Promise<ReadResult> {
    return this.#reconnector.use('read', this.#reading(channel, after, limit))
  }

  #reading(channel: string, after: number, limit: number): (link: RedisLink) => Promise<ReadResult> {
    const id = runOf(channel)
    const bounds = this.#boundsOf(channel)
    return async (link) => {
      const result = await (id === undefined
        ? this.#reads.add(link, { channel, bounds, after, limit })
        : this.#runReads.add(link, { id, after, limit }))
      this.#history.note(result.storedPosition)
      return result
    }
  }

  async seek(channel: string, count: number, before?: number): Promise<number> {
    const request = { channel, bounds: this.#boundsOf(channel), count, before }
    return this.#reconnector.use('seek', (link) => this.#seeks.add(link, request))
  }

  async forget(channel: string): Promise<void> {
    const names = [this.#keys.clock, this.#keys.log(channel)]
    await this.#reconnector.use('forget', (link) => link.call(forget, names, [this.#history.known]))
  }

  /** Closes the connections that the backplane opened, but not the client. */
  close(): void {
    this.#reconnector.close()
    this.#sweeper.down()
    this.#feed.close()
  }
}
