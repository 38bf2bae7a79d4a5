import type {
  Backplane,
  BackplaneMessage,
  BackplaneSubscriber,
  LiveMessage,
  PublishOptions,
  PublishResult,
  ReadResult,
} from './backplane.js'
import { ChannelLog } from './channel-log.js'
import { systemClock } from './clock.js'
import { IdempotencyKeys } from './idempotency-keys.js'
import { MemoryRegistry } from './memory-registry.js'
import type { BackplaneRegistry } from './registry.js'
import { type Bounds, boundsOf, type Retention } from './retention.js'
import { Sequence } from './sequence.js'

export interface MemoryBackplaneOptions {
  /** What each channel keeps, or a function that says so per channel (asked once, at the channel's first event). */
  retention?: Retention | ((channel: string) => Retention)
  /** For how many milliseconds an idempotency key is remembered. @default 300_000 */
  idempotencyWindowMs?: number
  /** The time in milliseconds since the Unix epoch; a seam for tests. @default Date.now */
  now?: () => number
}

/**
 * The backplane of one process: events are kept in its memory and are gone with it. The default, and the reference for
 * every other one. Several managers of the process may share it.
 *
 * Only publishing makes it grow: a channel that is merely subscribed to or read takes no room beyond its subscription.
 */
export class MemoryBackplane implements Backplane {
  readonly registry: BackplaneRegistry
  readonly #now: () => number
  readonly #sequence: Sequence
  readonly #boundsOf: (channel: string) => Bounds
  readonly #keys: IdempotencyKeys
  readonly #logs = new Map<string, ChannelLog>()
  /** Those of them that forget by age, the least recently published first. */
  readonly #aging = new Map<string, ChannelLog>()
  readonly #subscribers = new Map<string, Set<BackplaneSubscriber>>()
  /** Before it nothing is known. */
  readonly #origin: number
  /** Up to here, a channel without a log may have had events: the highest head of a log that was dropped for its age. */
  #forgotten: number

  constructor({ retention, idempotencyWindowMs = 300_000, now = systemClock.now }: MemoryBackplaneOptions = {}) {
    this.#now = now
    this.registry = new MemoryRegistry(now)
    this.#sequence = new Sequence(now)
    this.#origin = this.#sequence.last
    this.#forgotten = this.#origin
    this.#keys = new IdempotencyKeys(idempotencyWindowMs)
    if (typeof retention === 'function') this.#boundsOf = (channel) => boundsOf(retention(channel))
    else {
      const bounds = boundsOf(retention)
      this.#boundsOf = () => bounds
    }
  }

  publish(channel: string, message: BackplaneMessage, { retain, idempotencyKey }: PublishOptions): PublishResult {
    const now = this.#now()
    if (idempotencyKey !== undefined) {
      const earlier = this.#keys.get(channel, idempotencyKey, now)
      if (earlier) return earlier
    }
    const live: LiveMessage = retain ? this.#store(channel, message, now) : message
    const result = { seq: live.seq, duplicate: false }
    if (idempotencyKey !== undefined) this.#keys.set(channel, idempotencyKey, result, now)
    for (const subscriber of this.#subscribers.get(channel) ?? []) subscriber.onMessage(channel, live)
    return result
  }

  #store(channel: string, message: BackplaneMessage, now: number): LiveMessage {
    let log = this.#logs.get(channel)
    if (!log) {
      const bounds = this.#boundsOf(channel)
      if (bounds.maxEvents === 0) return message
      log = new ChannelLog(this.#forgotten, bounds)
      this.#logs.set(channel, log)
    }
    const stored = { type: message.type, data: message.data, seq: this.#sequence.next(), prev: log.head }
    log.append(stored, now)
    if (log.maxAgeMs !== Infinity) {
      this.#aging.delete(channel)
      this.#aging.set(channel, log)
      this.#dropOldLogs(now)
    }
    return stored
  }

  /** Forgets channels whose last event is too old. At most two a publish: channels come one a publish, so that is enough. */
  #dropOldLogs(now: number): void {
    let looks = 2
    for (const [channel, log] of this.#aging) {
      log.trim(now)
      if (log.size > 0 || looks-- === 0) return
      this.#forgotten = Math.max(this.#forgotten, log.head)
      this.#aging.delete(channel)
      this.#logs.delete(channel)
    }
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers) subscribers.add(subscriber)
    else this.#subscribers.set(channel, new Set([subscriber]))
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers?.delete(subscriber) && subscribers.size === 0) this.#subscribers.delete(channel)
  }

  read(channel: string, after: number, limit: number): ReadResult {
    const asOf = this.#sequence.last
    const log = this.#logs.get(channel)
    log?.trim(this.#now())
    const { messages, continuous, head } = log?.read(after, limit) ?? {
      messages: [],
      continuous: this.#forgotten <= after,
      head: this.#forgotten,
    }
    if (continuous) return { messages, continuous, head, asOf }
    return { messages, continuous, reason: after < this.#origin ? 'restarted' : 'trimmed', head, asOf }
  }

  seek(channel: string, count: number): number {
    const log = this.#logs.get(channel)
    log?.trim(this.#now())
    return log?.seek(count) ?? this.#forgotten
  }

  close(): void {
    this.#logs.clear()
    this.#aging.clear()
    this.#subscribers.clear()
  }
}
