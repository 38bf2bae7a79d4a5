import { textBytes } from '../runtime/text-bytes.js'
import type { BackplaneMessage, ReadResult, StoredMessage } from './backplane.js'
import type { Due } from './due-queue.js'
import type { Listed, LogList } from './log-list.js'
import { positionAt } from './position.js'
import type { Bounds } from './retention.js'

// Keeps the events of one channel in memory. A read tells if it is continuous: nothing is missing after the cursor.

/** The memory of a log without its name and events, and of an event without its texts. */
const logBytes = 400
const messageBytes = 110

/** An event with its size in memory. */
interface KeptMessage extends StoredMessage {
  readonly bytes: number
}

/** The events that one channel keeps in memory, oldest first, and the position of the last one, kept or not. */
export class ChannelLog implements Due, Listed<ChannelLog> {
  readonly channel: string
  readonly bounds: Bounds
  /** The position of the newest event, kept or not; before the first event, the channel's beginning. */
  lastPosition: number
  /** An event was published since the log was created. */
  published = false
  /** The channel has subscribers. */
  held = false
  /** In milliseconds since the Unix epoch. */
  readonly createdAt: number
  /** The time at which the last subscriber left, in milliseconds since the Unix epoch. */
  leftAt: number
  bytes: number
  /** Fields of `LogList`. */
  list: LogList<ChannelLog> | undefined
  older: ChannelLog | undefined
  newer: ChannelLog | undefined
  /** Fields of `DueQueue`. */
  due = 0
  slot = -1
  /** Dropped events are `undefined` until the array is cut, so that they can be freed. */
  #messages: (KeptMessage | undefined)[] = []
  /** The index of the oldest kept event. Removing each one from the front would take time in proportion to the length. */
  #start = 0
  /** Characters of all events, bounded by `maxBytes`. */
  #chars = 0

  /** @param beginning The channel's first event has a higher position. */
  constructor(channel: string, bounds: Bounds, beginning: number, now: number) {
    this.channel = channel
    this.bounds = bounds
    this.lastPosition = beginning
    this.createdAt = now
    this.leftAt = now
    this.bytes = logBytes + textBytes(channel)
  }

  get size(): number {
    return this.#messages.length - this.#start
  }

  /** The position of the oldest kept event. */
  get oldest(): number | undefined {
    return this.#messages[this.#start]?.position
  }

  /** Appends an event. Returns it as stored. */
  append({ type, data }: BackplaneMessage, position: number, now: number): StoredMessage {
    const message = { type, data, position, previous: this.lastPosition, bytes: messageBytes + textBytes(data) }
    this.#messages.push(message)
    this.#chars += type.length + data.length
    this.bytes += message.bytes
    this.lastPosition = position
    this.published = true
    this.trim(now)
    return message
  }

  /** Drops the events that exceed the bounds at a time. */
  trim(now: number): void {
    const { maxEvents, maxBytes, maxAgeMs } = this.bounds
    const oldest = positionAt(now - maxAgeMs)
    while (this.size > 0) {
      if (this.size <= maxEvents && this.#chars <= maxBytes && !(this.oldest! < oldest)) break
      this.#dropOldest()
    }
    this.#cut()
  }

  /** Drops the oldest events until so many bytes are freed, or none is left. */
  free(bytes: number): void {
    const target = this.bytes - bytes
    while (this.size > 0 && this.bytes > target) this.#dropOldest()
    this.#cut()
  }

  #dropOldest(): void {
    const message = this.#messages[this.#start]!
    this.#messages[this.#start++] = undefined
    this.#chars -= message.type.length + message.data.length
    this.bytes -= message.bytes
  }

  #cut(): void {
    if (this.#start * 4 <= this.#messages.length) return
    this.#messages = this.#messages.slice(this.#start)
    this.#start = 0
  }

  read(after: number, limit: number): Omit<ReadResult, 'storedPosition' | 'clock' | 'reason'> {
    const from = this.#indexAfter(after)
    const first = this.#messages[from]
    return {
      messages: limit > 0 ? (this.#messages.slice(from, from + limit) as KeptMessage[]) : [],
      continuous: first ? first.previous <= after : this.lastPosition <= after,
      lastPosition: this.lastPosition,
    }
  }

  /** The position after which the last `count` kept events follow, of those before a position. */
  seek(count: number, before: number): number {
    const first = this.#messages[Math.max(this.#start, this.#indexAfter(before - 1) - count)]
    return first ? first.previous : this.lastPosition
  }

  #indexAfter(position: number): number {
    let low = this.#start
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#messages[middle]!.position <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}
