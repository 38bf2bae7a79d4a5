import type { ReadResult, StoredMessage } from './backplane.js'
import type { Bounds } from './retention.js'
import { positionAt } from './sequence.js'

/** The events that one channel keeps in memory, oldest first. */
export class ChannelLog {
  /** The position of the newest event, kept or not. */
  head: number
  readonly #bounds: Bounds
  #messages: StoredMessage[] = []
  /** Where the kept ones begin: cutting an array at its front for each event would cost its length each time. */
  #start = 0
  #bytes = 0

  /** @param origin The position of the channel's beginning. */
  constructor(origin: number, bounds: Bounds) {
    this.head = origin
    this.#bounds = bounds
  }

  get maxAgeMs(): number {
    return this.#bounds.maxAgeMs
  }

  get size(): number {
    return this.#messages.length - this.#start
  }

  append(message: StoredMessage, now: number): void {
    this.#messages.push(message)
    this.#bytes += sizeOf(message)
    this.head = message.seq
    this.trim(now)
  }

  /** Drops what the bounds do not keep at this time. */
  trim(now: number): void {
    const { maxEvents, maxBytes, maxAgeMs } = this.#bounds
    const oldest = positionAt(now - maxAgeMs)
    while (this.size > 0) {
      const first = this.#messages[this.#start]!
      if (this.size <= maxEvents && this.#bytes <= maxBytes && !(first.seq < oldest)) break
      this.#bytes -= sizeOf(first)
      this.#start++
    }
    if (this.#start * 4 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#start)
      this.#start = 0
    }
  }

  read(after: number, limit: number): Omit<ReadResult, 'asOf' | 'reason'> {
    const from = this.#indexAfter(after)
    const first = this.#messages[from]
    return {
      messages: limit > 0 ? this.#messages.slice(from, from + limit) : [],
      continuous: first ? first.prev <= after : this.head <= after,
      head: this.head,
    }
  }

  /** The position after which the last `count` events are kept. */
  seek(count: number): number {
    const first = this.#messages[Math.max(this.#start, this.#messages.length - count)]
    return first ? first.prev : this.head
  }

  #indexAfter(position: number): number {
    let low = this.#start
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#messages[middle]!.seq <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}

function sizeOf({ type, data }: StoredMessage): number {
  return type.length + data.length
}
