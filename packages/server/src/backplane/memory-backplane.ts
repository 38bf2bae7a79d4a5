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
   * The events that each channel keeps, or a function from a channel to its retention. It is called when an unknown channel
   * is published to, subscribed to or read, and must return the same for a channel each time.
   */
  retention?: Retention | ((channel: string) => Retention)
  /**
   * Bytes that everything may take together: events, channels, idempotency keys and runs. Beyond this budget, the least
   * recently published channels lose events, oldest first, and a client that misses one is told of a gap (`trimmed`). Runs
   * may take half of the budget; beyond that, those that ended first are forgotten. Bytes are estimated to about ten
   * percent. `Infinity` sets no bound. @default 268_435_456 (256 MiB)
   */
  maxTotalBytes?: number
  /**
   * Time for which an idempotency key is remembered, in milliseconds. If keys take more than a quarter of `maxTotalBytes`,
   * the oldest are forgotten early. @default 300_000
   */
  idempotencyWindowMs?: number
  /** Replaces time in tests. */
  clock?: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'>
}

/** The share of the budget for idempotency keys. */
const keysShare = 1 / 4
/** The share of the budget for runs. */
const runsShare = 1 / 2
/** Logs checked per publish, and per turn of the timer. */
const looksPerPublish = 2
const looksPerTurn = 500
/** Delay of the timer, in milliseconds, so that logs due at about the same time are handled together. */
const coalesceMs = 1_000

/**
 * The backplane of one process. It keeps events in memory and loses them with the process. It is the default, and the
 * reference for every other backplane. Several managers of the process may share it.
 *
 * Only publishing makes it grow, up to `maxTotalBytes`. A channel that is only subscribed to or read takes no memory beyond
 * its subscription.
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
  /** Events on their way to the subscribers, in the order of their positions. */
  #passing: { readonly channel: string; readonly message: LiveMessage }[] = []
  /** The latest time that the clock showed. An expired event must stay expired if the clock is set back. */
  #latest = 0
  #timer: unknown
  #wakesAt = Infinity
  #closed = false

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor(options: MemoryBackplaneOptions = {}) {
    const { retention, maxTotalBytes = 268_435_456, idempotencyWindowMs = 300_000, clock = backgroundClock } = options
    for (const [name, value] of Object.entries({ maxTotalBytes, idempotencyWindowMs })) {
      if (!(value >= 0)) throw new ConfigurationError(name, value, 'Pass a number, 0 or more.')
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
    // A subscriber may run application code that publishes. That event waits until all subscribers have this one.
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

  /** Drops what has expired or exceeds the budget, and sets the timer for the next check. */
  #tidy(now: number, looks: number): void {
    this.#keys.expire(now)
    this.#logs.age(now, looks)
    this.#runs.expire(now, looks)
    this.#runs.shrink(this.#maxTotalBytes * runsShare)
    this.#logs.shrink(this.#maxTotalBytes - this.#keys.bytes - this.#runs.bytes, now)
    const due = Math.min(this.#keys.due, this.#logs.due, this.#runs.due)
    // Logs that are due already were left over by the limit: they wait only until the event loop has done other work.
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
      // The application's `retention` threw. It throws again at the next publish or read, which then fails.
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
    // Uses the current time, not the latest: after the clock is set back, the latest would reveal when events were published.
    const clock = this.#sequence.pass(this.#clock.now())
    const run = runOf(channel)
    const result =
      (run === undefined ? this.#logs.read(channel, after, limit, this.#now()) : this.#runs.read(run, after, limit)) ??
      this.#noRun()
    // Not by spreading the result, which costs more than reading it.
    const { messages, continuous, reason, lastPosition } = result
    return { messages, continuous, reason, lastPosition, storedPosition: this.#sequence.last, clock }
  }

  /** Reads a run that is no longer known: its readers lack whatever it had. */
  #noRun(): Omit<ReadResult, 'storedPosition' | 'clock'> {
    return { messages: [], continuous: false, reason: 'trimmed', lastPosition: this.#sequence.last }
  }

  seek(channel: string, count: number, before: number = Infinity): number {
    return this.#logs.seek(channel, count, before, this.#now())
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
