import { textBytes } from '../runtime/text-bytes.js'
import type { BackplaneMessage, StoredMessage } from './backplane.js'

/** The memory of a pack without its events, and of a packed event without its texts. */
const packBytes = 250
const eventBytes = 16

/** Stores events of one channel in few objects. With an object each, short events would take more memory than their texts. */
export class PackedEvents {
  readonly bytes: number
  readonly size: number
  /** The position of the event before the first one. */
  readonly previous: number
  readonly #positions: readonly number[]
  /** The end of each event's data in the text. */
  readonly #ends: readonly number[]
  /** A single name if all events have the same. */
  readonly #types: string | readonly string[]
  readonly #text: string

  /** @param events At least one. */
  constructor(events: readonly StoredMessage[]) {
    const [first] = events
    let end = 0
    this.size = events.length
    this.previous = first!.previous
    this.#positions = events.map(({ position }) => position)
    this.#ends = events.map(({ data }) => (end += data.length))
    this.#types = events.every(({ type }) => type === first!.type) ? first!.type : events.map(({ type }) => type)
    this.#text = events.map(({ data }) => data).join('')
    this.bytes = packBytes + textBytes(this.#text) + events.length * eventBytes
  }

  get last(): number {
    return this.#positions[this.size - 1]!
  }

  at(index: number): StoredMessage {
    const position = this.#positions[index]!
    return { ...this.#contentAt(index), position, previous: index > 0 ? this.#positions[index - 1]! : this.previous }
  }

  #contentAt(index: number): BackplaneMessage {
    const type = typeof this.#types === 'string' ? this.#types : this.#types[index]!
    return { type, data: this.#text.slice(index > 0 ? this.#ends[index - 1] : 0, this.#ends[index]) }
  }

  /** The index of the first event after a position. */
  indexAfter(position: number): number {
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#positions[middle]! <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}
