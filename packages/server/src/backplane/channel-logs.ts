import type { BackplaneMessage, ReadResult, StoredMessage } from './backplane.js'
import { ChannelLog } from './channel-log.js'
import { DueQueue } from './due-queue.js'
import { LogList } from './log-list.js'
import { positionAt, timeAfter } from './position.js'
import type { Bounds } from './retention.js'

/** Time for which a channel with unbounded age remembers its last position after its events were dropped. */
const maxMemoryMs = 7 * 86_400_000
/** Checks per age. Expired events may stay in memory for this fraction of their age. */
const looksPerAge = 8
/** The share of the budget for logs without events and subscribers. */
const bareShare = 1 / 8

/**
 * The logs of all channels, bounded by age and by one budget for all of them.
 *
 * A channel's last position outlives its events: it is kept while somebody subscribes, and for the channel's age after that.
 * So the next event has the right `previous`, and a client that returns within that time finds no gap. The last event of an
 * unknown channel is older than the channel's age, unless the log was evicted.
 */
export class ChannelLogs {
  /** The memory that the logs take. */
  bytes = 0
  /** The number of kept events. */
  events = 0
  /** The number of events dropped early because of the budget. */
  evicted = 0
  readonly #boundsOf: (channel: string) => Bounds
  /** Tells whether a channel has subscribers. */
  readonly #isHeld: (channel: string) => boolean
  /** Nothing is known before this position. */
  readonly #origin: number
  readonly #logs = new Map<string, ChannelLog>()
  /** Logs with events, the least recently published first. */
  readonly #full = new LogList<ChannelLog>()
  /** Logs without events and subscribers, kept for their last position. */
  readonly #bare = new LogList<ChannelLog>()
  #bareBytes = 0
  readonly #queue = new DueQueue<ChannelLog>()
  /** The highest position of a log that was evicted. */
  #evictedUpTo = 0

  constructor(origin: number, boundsOf: (channel: string) => Bounds, isHeld: (channel: string) => boolean) {
    this.#origin = origin
    this.#boundsOf = boundsOf
    this.#isHeld = isHeld
  }

  get channels(): number {
    return this.#logs.size
  }

  /** The time of the next check, in milliseconds since the Unix epoch. */
  get due(): number {
    return this.#queue.first?.due ?? Infinity
  }

  /** Keeps an event. Returns `undefined` if the channel keeps none. */
  append(channel: string, message: BackplaneMessage, position: () => number, now: number): StoredMessage | undefined {
    const log = this.#open(channel, now)
    if (!log) return undefined
    const stored = this.#change(log, now, () => log.append(message, position(), now))
    if (log.size > 0) this.#full.add(log)
    return stored
  }

  /** Remembers the channel's last position until `release`. */
  hold(channel: string, now: number): void {
    const log = this.#open(channel, now)
    if (log) this.#hold(log, true, now)
  }

  release(channel: string, now: number): void {
    const log = this.#logs.get(channel)
    if (!log) return
    this.#hold(log, false, now)
    // Clients that join and leave channels of their own invention leave nothing behind.
    if (log.size === 0 && dueOf(log, now) <= now) this.#drop(log)
  }

  #hold(log: ChannelLog, held: boolean, now: number): void {
    this.#change(log, now, () => {
      log.held = held
      log.leftAt = now
    })
  }

  read(channel: string, after: number, limit: number, now: number): Omit<ReadResult, 'storedPosition' | 'clock'> {
    const log = this.#trimmed(channel, now)
    const result = log?.read(after, limit) ?? this.#readUnknown(channel, after, now)
    if (result.continuous) return result
    return { ...result, reason: after < this.#origin ? 'restarted' : 'trimmed' }
  }

  #readUnknown(
    channel: string,
    after: number,
    now: number,
  ): Pick<ReadResult, 'messages' | 'continuous' | 'lastPosition'> {
    const lastPosition = this.#beginningOf(this.#boundsOf(channel), now)
    return { messages: [], continuous: lastPosition <= after, lastPosition }
  }

  seek(channel: string, count: number, before: number, now: number): number {
    return this.#trimmed(channel, now)?.seek(count, before) ?? this.#beginningOf(this.#boundsOf(channel), now)
  }

  /** Drops the channel's events. Its last position stays known, as after aging. */
  forget(channel: string, now: number): void {
    const log = this.#logs.get(channel)
    if (log) this.#change(log, now, () => log.free(Infinity))
  }

  /** Drops expired events, in at most `limit` logs. */
  age(now: number, limit: number): void {
    for (let looks = limit; looks > 0 && this.due <= now; looks--) {
      const log = this.#queue.first!
      this.#change(log, now, () => log.trim(now))
      const due = dueOf(log, now)
      if (due > now) this.#queue.set(log, due)
      else this.#drop(log)
    }
  }

  /** Drops events of the least recently published channels, until all logs together fit into `maxBytes`. */
  shrink(maxBytes: number, now: number): void {
    while (this.#bareBytes > maxBytes * bareShare) this.#evict(this.#bare.oldest!)
    while (this.bytes > maxBytes) {
      const log = this.#full.oldest
      if (log) this.#free(log, this.bytes - maxBytes, now)
      else if (this.#bare.oldest) this.#evict(this.#bare.oldest)
      else return
    }
  }

  #free(log: ChannelLog, bytes: number, now: number): void {
    const { events } = this
    this.#change(log, now, () => log.free(bytes))
    this.evicted += events - this.events
  }

  clear(): void {
    this.#logs.clear()
    this.#queue.clear()
  }

  #open(channel: string, now: number): ChannelLog | undefined {
    const known = this.#logs.get(channel)
    if (known) return known
    const bounds = this.#boundsOf(channel)
    if (bounds.maxEvents === 0) return undefined
    const log = new ChannelLog(channel, bounds, this.#beginningOf(bounds, now), now)
    log.held = this.#isHeld(channel)
    this.#logs.set(channel, log)
    this.bytes += log.bytes
    return log
  }

  /** A position after which a channel without a log had no event. Independent of other channels, except for evicted ones. */
  #beginningOf(bounds: Bounds, now: number): number {
    if (bounds.maxEvents === 0) return this.#origin
    return Math.max(this.#origin, this.#evictedUpTo, positionAt(now - memoryMs(bounds)))
  }

  #trimmed(channel: string, now: number): ChannelLog | undefined {
    const log = this.#logs.get(channel)
    if (log) this.#change(log, now, () => log.trim(now))
    return log
  }

  /** Changes a log and updates the totals. */
  #change<T>(log: ChannelLog, now: number, change: () => T): T {
    const { bytes, size } = log
    if (log.list === this.#bare) this.#bareBytes -= bytes
    const result = change()
    this.bytes += log.bytes - bytes
    this.events += log.size - size
    const list = log.size > 0 ? this.#full : log.held ? undefined : this.#bare
    if (log.list !== list) {
      if (list) list.add(log)
      else log.list?.remove(log)
    }
    if (list === this.#bare) this.#bareBytes += log.bytes
    const due = dueOf(log, now)
    if (log.slot < 0 || due < log.due) this.#queue.set(log, due)
    return result
  }

  #evict(log: ChannelLog): void {
    if (log.published) this.#evictedUpTo = Math.max(this.#evictedUpTo, log.lastPosition)
    this.#drop(log)
  }

  #drop(log: ChannelLog): void {
    if (log.list === this.#bare) this.#bareBytes -= log.bytes
    this.bytes -= log.bytes
    log.list?.remove(log)
    this.#queue.set(log, Infinity)
    this.#logs.delete(log.channel)
  }
}

/** The time at which part of a log, or all of it, can be dropped. */
function dueOf(log: ChannelLog, now: number): number {
  const { bounds, oldest } = log
  if (oldest !== undefined) return Math.max(timeAfter(oldest) + bounds.maxAgeMs, now + bounds.maxAgeMs / looksPerAge)
  if (log.held) return Infinity
  const memory = memoryMs(bounds)
  if (log.published) return Math.max(timeAfter(log.lastPosition) + memory, log.leftAt + memory)
  // No event was published. Only a client that stayed long can have a cursor older than the channel's age.
  return log.leftAt + Math.min(memory, log.leftAt - log.createdAt)
}

function memoryMs({ maxAgeMs }: Bounds): number {
  return Math.min(maxAgeMs, maxMemoryMs)
}
