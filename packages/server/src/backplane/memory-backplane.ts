import type { Clock } from '@rivulet/core'
import { backgroundClock } from '../runtime/clock.js'
import { ConfigurationError } from '../runtime/errors.js'
import { tell } from '../runtime/guard.js'
import type { BackplaneStats } from '../runtime/stats.js'
import type {
  Backplane,
  BackplaneMessage,
  BackplaneSubscriber,
  LiveMessage,
  PublishOptions,
  PublishResult,
  ReadResult,
} from './backplane.js'
import { ChannelLogs } from './channel-logs.js'
import { IdempotencyKeys } from './idempotency-keys.js'
import { MemoryRegistry } from './memory-registry.js'
import { MemoryRuns } from './memory-runs.js'
import { Sequence } from './position.js'
import type { BackplaneRegistry } from './registry.js'
import { boundsPer, type Retention } from './retention.js'
import { type RunStore, runOf } from './run-store.js'

export interface MemoryBackplaneOptions {
  /**
   * What each channel keeps, or a function that says so per channel. It is asked when a channel is published to,
   * subscribed to or read of which nothing is known, and has to answer the same each time.
   */
  retention?: Retention | ((channel: string) => Retention)
  /**
   * How many bytes everything may take together: events, channels and idempotency keys. Beyond it the channels that were
   * published to least recently lose events, oldest first, and whoever misses them is told of a gap (`trimmed`). The bytes
   * are an estimate, to some ten percent. Runs may take half of it: beyond that, those that ended first are forgotten. `Infinity`: no bound. @default 268_435_456 (256 MiB)
   */
  maxTotalBytes?: number
  /**
   * For how many milliseconds an idempotency key is remembered. Where keys take more than a quarter of `maxTotalBytes`,
   * the oldest are forgotten earlier. @default 300_000
   */
  idempotencyWindowMs?: number
  /** Time; a seam for tests. */
  clock?: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>
}

/** The part of the budget that idempotency keys may take. */
const keysShare = 1 / 4
/** The part of the budget that runs may take. */
const runsShare = 1 / 2
/** How many logs one publish looks at, and one turn of the timer. */
const looksPerPublish = 2
const looksPerTurn = 500
/** What is due waits for so many milliseconds, so that what is due at about the same time goes together. */
const coalesceMs = 1_000

/**
 * The backplane of one process: events are kept in its memory and are gone with it. The default, and the reference for
 * every other one. Several managers of the process may share it.
 *
 * Only publishing makes it grow, up to `maxTotalBytes`: a channel that is merely subscribed to or read takes no room
 * beyond its subscription.
 */
export class MemoryBackplane implements Backplane {
  readonly registry: BackplaneRegistry
  readonly runs: RunStore
  readonly #clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>
  readonly #sequence: Sequence
  readonly #maxTotalBytes: number
  readonly #keys: IdempotencyKeys
  readonly #runs: MemoryRuns
  readonly #logs: ChannelLogs
  readonly #subscribers = new Map<string, Set<BackplaneSubscriber>>()
  /** Events that are on their way to the subscribers, in the order of their positions. */
  #passing: { readonly channel: string; readonly message: LiveMessage }[] = []
  /** The latest time that the clock showed: what was too old once must not look younger when the clock is set back. */
  #latest = 0
  #timer: unknown
  #wakesAt = Infinity
  #closed = false

  /** @throws {ConfigurationError} when an option has a value that makes no sense. */
  constructor(options: MemoryBackplaneOptions = {}) {
    const { retention, maxTotalBytes = 268_435_456, idempotencyWindowMs = 300_000, clock = backgroundClock } = options
    for (const [name, value] of Object.entries({ maxTotalBytes, idempotencyWindowMs })) {
      if (!(value >= 0)) throw new ConfigurationError(name, value, 'Give a number, 0 or more.')
    }
    this.#clock = clock
    const now = () => this.#now()
    this.registry = new MemoryRegistry(() => clock.now())
    this.#sequence = new Sequence(now)
    this.#maxTotalBytes = maxTotalBytes
    this.#keys = new IdempotencyKeys(idempotencyWindowMs, maxTotalBytes * keysShare)
    this.#runs = new MemoryRuns({
      now,
      next: () => this.#sequence.next(),
      pass: (channel, message) => this.#pass(channel, message),
      changed: () => this.#tidy(this.#now(), looksPerPublish),
    })
    this.runs = this.#runs
    this.#logs = new ChannelLogs(this.#sequence.last, boundsPer(retention), (channel) => this.#subscribers.has(channel))
  }

  #now(): number {
    this.#latest = Math.max(this.#latest, this.#clock.now())
    return this.#latest
  }

  publish(channel: string, message: BackplaneMessage, { retain, idempotencyKey }: PublishOptions): PublishResult {
    const now = this.#now()
    if (idempotencyKey !== undefined) {
      const earlier = this.#keys.get(channel, idempotencyKey, now)
      if (earlier) return earlier
    }
    const stored = retain ? this.#logs.append(channel, message, () => this.#sequence.next(), now) : undefined
    const live: LiveMessage = stored ?? message
    if (idempotencyKey !== undefined) this.#keys.set(channel, idempotencyKey, live.position, now)
    this.#tidy(now, looksPerPublish)
    this.#pass(channel, live)
    return { position: live.position, duplicate: false }
  }

  #pass(channel: string, message: LiveMessage): void {
    // A subscriber may run code of the application that publishes: that event waits until everyone has this one.
    if (this.#passing.push({ channel, message }) > 1) return
    for (const next of this.#passing) this.#passOne(next.channel, next.message)
    this.#passing = []
  }

  #passOne(channel: string, message: LiveMessage): void {
    for (const subscriber of this.#subscribers.get(channel) ?? []) {
      tell(
        () => subscriber.onMessage(channel, message),
        (error) => subscriber.onHealth(error),
      )
    }
  }

  /** Drops what is too old or too much, and comes back for what will be. */
  #tidy(now: number, looks: number): void {
    this.#keys.expire(now)
    this.#logs.age(now, looks)
    this.#runs.expire(now, looks)
    this.#runs.shrink(this.#maxTotalBytes * runsShare)
    this.#logs.shrink(this.#maxTotalBytes - this.#keys.bytes - this.#runs.bytes, now)
    const due = Math.min(this.#keys.due, this.#logs.due, this.#runs.due)
    // One that is due already was left over: it must not wait longer than the event loop needs for other work.
    const wakesAt = due <= now ? now + 1 : due + coalesceMs
    if (due === Infinity || this.#closed || this.#wakesAt <= wakesAt) return
    this.#clock.clearTimeout(this.#timer)
    this.#wakesAt = wakesAt
    this.#timer = this.#clock.setTimeout(() => this.#wake(), wakesAt - now)
  }

  #wake(): void {
    this.#wakesAt = Infinity
    this.#tidy(this.#now(), looksPerTurn)
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers) {
      subscribers.add(subscriber)
      return
    }
    this.#subscribers.set(channel, new Set([subscriber]))
    if (runOf(channel) !== undefined) return
    try {
      this.#logs.hold(channel, this.#now())
    } catch (error) {
      // The application's `retention` threw. Whoever publishes or reads is told again, and gets nothing wrong.
      subscriber.onHealth(error)
    }
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return
    this.#subscribers.delete(channel)
    const now = this.#now()
    this.#logs.release(channel, now)
    this.#tidy(now, looksPerPublish)
  }

  read(channel: string, after: number, limit: number): ReadResult {
    // Not by the latest time: that tells when something was published, if the clock was set back after it.
    const clock = this.#sequence.pass(this.#clock.now())
    const run = runOf(channel)
    const result =
      run === undefined ? this.#logs.read(channel, after, limit, this.#now()) : this.#runs.read(run, after, limit)
    return { ...(result ?? this.#noRun()), storedPosition: this.#sequence.last, clock }
  }

  /** Whatever a run had that is not known any more, its readers lack. */
  #noRun(): Omit<ReadResult, 'storedPosition' | 'clock'> {
    return { messages: [], continuous: false, reason: 'trimmed', lastPosition: this.#sequence.last }
  }

  seek(channel: string, count: number): number {
    return this.#logs.seek(channel, count, this.#now())
  }

  forget(channel: string): void {
    const now = this.#now()
    this.#logs.forget(channel, now)
    this.#tidy(now, looksPerPublish)
  }

  stats(): BackplaneStats {
    const { bytes, channels, events, evicted } = this.#logs
    const keys = this.#keys
    return {
      bytes: bytes + keys.bytes + this.#runs.bytes,
      channels,
      events,
      idempotencyKeys: keys.size,
      evictedEvents: evicted,
      evictedKeys: keys.evicted,
    }
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
    this.#logs.clear()
    this.#keys.clear()
    this.#runs.clear()
    this.#subscribers.clear()
  }
}
