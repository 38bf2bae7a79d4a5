import { textBytes } from '../runtime/text-bytes.js'
import type { BackplaneMessage, ReadResult, StoredMessage } from './backplane.js'
import type { Due } from './due-queue.js'
import type { Listed, LogList } from './log-list.js'
import { positionAt } from './position.js'
import type { Bounds } from './retention.js'

/** What a log takes in memory without its name and its events, and an event without its texts. */
const logBytes = 400
const messageBytes = 110

/** An event with what it takes in memory. */
interface KeptMessage extends StoredMessage {
  readonly bytes: number
}

/** The events that one channel keeps in memory, oldest first, and what is known of those that it no longer keeps. */
export class ChannelLog implements Due, Listed<ChannelLog> {
  readonly channel: string
  readonly bounds: Bounds
  /** The position of the newest event, kept or not; before the first one, a position that is not before the channel's beginning. */
  lastPosition: number
  /** Whether there was an event. */
  published = false
  /** Whether someone subscribes to the channel. */
  held = false
  /** When it was made, and when the last subscriber left, in milliseconds since the Unix epoch. */
  readonly since: number
  leftAt: number
  bytes: number
  /** `LogList`'s. */
  list: LogList<ChannelLog> | undefined
  older: ChannelLog | undefined
  newer: ChannelLog | undefined
  /** `DueQueue`'s. */
  due = 0
  slot = -1
  /** Those that were dropped are `undefined` until the array is cut: it must not hold them. */
  #messages: (KeptMessage | undefined)[] = []
  /** Where the kept ones begin: cutting an array at its front for each event would cost its length each time. */
  #start = 0
  /** Characters of the events, which `maxBytes` bounds. */
  #chars = 0

  /** @param beginning A position at or after which the channel's first event comes. */
  constructor(channel: string, bounds: Bounds, beginning: number, now: number) {
    this.channel = channel
    this.bounds = bounds
    this.lastPosition = beginning
    this.since = now
    this.leftAt = now
    this.bytes = logBytes + textBytes(channel)
  }

  get size(): number {
    return this.#messages.length - this.#start
  }

  /** The position of the oldest event that is kept. */
  get oldest(): number | undefined {
    return this.#messages[this.#start]?.position
  }

  /** Keeps an event that follows all others, and returns it as stored. */
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

  /** Drops what the bounds do not keep at this time. */
  trim(now: number): void {
    const { maxEvents, maxBytes, maxAgeMs } = this.bounds
    const oldest = positionAt(now - maxAgeMs)
    while (this.size > 0) {
      if (this.size <= maxEvents && this.#chars <= maxBytes && !(this.oldest! < oldest)) break
      this.#dropOldest()
    }
    this.#cut()
  }

  /** Drops the oldest events until so many bytes are free, or none is left. */
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

  /** The position after which the last `count` events are kept. */
  seek(count: number): number {
    const first = this.#messages[Math.max(this.#start, this.#messages.length - count)]
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
