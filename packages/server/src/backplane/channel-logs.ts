import type { BackplaneMessage, ReadResult, StoredMessage } from './backplane.js'
import { ChannelLog } from './channel-log.js'
import { DueQueue } from './due-queue.js'
import { LogList } from './log-list.js'
import { positionAt, timeAfter } from './position.js'
import type { Bounds } from './retention.js'

/** For how long the last position of a channel of unbounded age is known after its events were dropped. */
const maxMemoryMs = 7 * 86_400_000
/** An age is looked at so often: events may take memory by this part of their age longer than they are kept. */
const looksPerAge = 8
/** The part of the budget that logs without events and subscribers may take. */
const bareShare = 1 / 8

/**
 * The logs of all channels, within one budget and as long as their ages say.
 *
 * A channel's last position outlives its events: as long as somebody subscribes, and for its age after that. So the next
 * event has the right `previous`, and whoever was there and comes back within that time is told of no gap. A channel of which
 * nothing is known had its last event before its age began, unless the budget took it.
 */
export class ChannelLogs {
  /** What the logs take in memory, in bytes, and how many events they keep. */
  bytes = 0
  events = 0
  /** How many events were dropped before their time because of the budget. */
  evicted = 0
  readonly #boundsOf: (channel: string) => Bounds
  /** Whether someone subscribes to a channel. */
  readonly #isHeld: (channel: string) => boolean
  /** Before it nothing is known. */
  readonly #origin: number
  readonly #logs = new Map<string, ChannelLog>()
  /** Those that keep events, the least recently published first. */
  readonly #full = new LogList<ChannelLog>()
  /** Those that keep none and that nobody subscribes to: known for their position alone. */
  readonly #bare = new LogList<ChannelLog>()
  #bareBytes = 0
  readonly #queue = new DueQueue<ChannelLog>()
  /** The highest position of a log that was dropped before its time. */
  #evictedUpTo = 0

  constructor(origin: number, boundsOf: (channel: string) => Bounds, isHeld: (channel: string) => boolean) {
    this.#origin = origin
    this.#boundsOf = boundsOf
    this.#isHeld = isHeld
  }

  get channels(): number {
    return this.#logs.size
  }

  /** When the next of them has to be looked at, in milliseconds since the Unix epoch. */
  get due(): number {
    return this.#queue.first?.due ?? Infinity
  }

  /** Keeps an event; `undefined` where the channel keeps none. */
  append(channel: string, message: BackplaneMessage, position: () => number, now: number): StoredMessage | undefined {
    const log = this.#open(channel, now)
    if (!log) return undefined
    const stored = this.#change(log, now, () => log.append(message, position(), now))
    if (log.size > 0) this.#full.add(log)
    return stored
  }

  /** From here on the channel's last position is known, until `release`. */
  hold(channel: string, now: number): void {
    const log = this.#open(channel, now)
    if (log) this.#hold(log, true, now)
  }

  release(channel: string, now: number): void {
    const log = this.#logs.get(channel)
    if (!log) return
    this.#hold(log, false, now)
    // Whoever comes and goes in channels of their own making leaves nothing behind.
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

  seek(channel: string, count: number, now: number): number {
    return this.#trimmed(channel, now)?.seek(count) ?? this.#beginningOf(this.#boundsOf(channel), now)
  }

  /** Drops what the channel keeps. Its position stays known as if that had aged out. */
  forget(channel: string, now: number): void {
    const log = this.#logs.get(channel)
    if (log) this.#change(log, now, () => log.free(Infinity))
  }

  /** Drops what is too old, looking at no more than so many logs. */
  age(now: number, limit: number): void {
    for (let looks = limit; looks > 0 && this.due <= now; looks--) {
      const log = this.#queue.first!
      this.#change(log, now, () => log.trim(now))
      const due = dueOf(log, now)
      if (due > now) this.#queue.set(log, due)
      else this.#drop(log)
    }
  }

  /** Drops what the least recently published channels keep, until everything takes no more than so many bytes. */
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

  /** A position after which a channel without a log had no event. What became of other channels has no part in it. */
  #beginningOf(bounds: Bounds, now: number): number {
    if (bounds.maxEvents === 0) return this.#origin
    return Math.max(this.#origin, this.#evictedUpTo, positionAt(now - memoryMs(bounds)))
  }

  #trimmed(channel: string, now: number): ChannelLog | undefined {
    const log = this.#logs.get(channel)
    if (log) this.#change(log, now, () => log.trim(now))
    return log
  }

  /** Changes a log, and keeps the accounts. */
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

/** When something of a log can be dropped, or all of it. */
function dueOf(log: ChannelLog, now: number): number {
  const { bounds, oldest } = log
  if (oldest !== undefined) return Math.max(timeAfter(oldest) + bounds.maxAgeMs, now + bounds.maxAgeMs / looksPerAge)
  if (log.held) return Infinity
  const memory = memoryMs(bounds)
  if (log.published) return Math.max(timeAfter(log.lastPosition) + memory, log.leftAt + memory)
  // There was nothing to miss: only who stayed long may have a cursor from before the channel's age.
  return log.leftAt + Math.min(memory, log.leftAt - log.since)
}

function memoryMs({ maxAgeMs }: Bounds): number {
  return Math.min(maxAgeMs, maxMemoryMs)
}
