import { textBytes } from '../runtime/text-bytes.js'
import type { BackplaneMessage, ReadResult, StoredMessage } from './backplane.js'
import { PackedEvents } from './packed-events.js'

/** The memory of an unpacked event without its text. */
const looseBytes = 110
/** Limits of one pack, in events and in characters. */
const packEvents = 64
const packChars = 16_384

/** The events that a run keeps in memory: the newest ones, up to a number of characters, and always the terminal one. */
export class RunLog {
  /** The memory that the log takes. */
  bytes = 0
  readonly #beginning: number
  readonly #maxChars: number
  #packs: PackedEvents[] = []
  /** The number of events dropped from the first pack. */
  #dropped = 0
  #loose: StoredMessage[] = []
  #looseChars = 0
  #end: StoredMessage | undefined
  #chars = 0
  #lastPosition: number
  /** The position of the last dropped event, or the beginning. */
  #floor: number

  /** @param beginning A position before the first event. */
  constructor(beginning: number, maxChars: number) {
    this.#beginning = beginning
    this.#maxChars = maxChars
    this.#lastPosition = beginning
    this.#floor = beginning
  }

  /** Appends an event. Returns it as stored. */
  append({ type, data }: BackplaneMessage, position: number): StoredMessage {
    const message = { type, data, position, previous: this.#lastPosition }
    this.#lastPosition = position
    this.#loose.push(message)
    this.#looseChars += data.length
    this.#chars += data.length
    this.bytes += looseBytes + textBytes(data)
    if (this.#loose.length >= packEvents || this.#looseChars >= packChars) this.#pack()
    this.trim(this.#maxChars)
    return message
  }

  /** Appends the terminal event. Returns it as stored. */
  finish({ type, data }: BackplaneMessage, position: number): StoredMessage {
    const end = { type, data, position, previous: this.#lastPosition }
    this.#lastPosition = position
    this.#end = end
    this.bytes += looseBytes + textBytes(data)
    this.#packAll()
    return end
  }

  #pack(): void {
    if (this.#loose.length === 0) return
    const pack = new PackedEvents(this.#loose)
    this.bytes += pack.bytes - this.#loose.reduce((sum, { data }) => sum + looseBytes + textBytes(data), 0)
    this.#packs.push(pack)
    this.#loose = []
    this.#looseChars = 0
  }

  /** Puts all events into one pack, which takes the least memory: an ended run no longer changes. */
  #packAll(): void {
    const events = this.#read(this.#floor, Infinity)
    this.bytes -= this.#packs.reduce((sum, { bytes }) => sum + bytes, 0)
    this.#packs = []
    this.#dropped = 0
    this.bytes -= this.#loose.reduce((sum, { data }) => sum + looseBytes + textBytes(data), 0)
    this.#loose = []
    if (events.length === 0) return
    const pack = new PackedEvents(events)
    this.#packs.push(pack)
    this.bytes += pack.bytes
  }

  /** Drops the oldest events until at most so many characters are left. */
  trim(maxChars: number): void {
    while (this.#chars > maxChars) {
      const [pack] = this.#packs
      const { position, data } = pack ? pack.at(this.#dropped) : this.#loose[0]!
      this.#floor = position
      this.#chars -= data.length
      if (!pack) this.#dropLoose(data)
      else if (++this.#dropped === pack.size) {
        this.#packs.shift()
        this.#dropped = 0
        this.bytes -= pack.bytes
      }
    }
  }

  #dropLoose(data: string): void {
    this.#loose.shift()
    this.#looseChars -= data.length
    this.bytes -= looseBytes + textBytes(data)
  }

  read(after: number, limit: number): Omit<ReadResult, 'storedPosition' | 'clock'> {
    const messages = this.#read(Math.max(after, this.#floor), limit)
    if (this.#end && this.#end.position > after && messages.length < limit) messages.push(this.#end)
    const facts = { messages, lastPosition: this.#lastPosition }
    if (after >= this.#floor) return { ...facts, continuous: true }
    return { ...facts, continuous: false, reason: after < this.#beginning ? 'restarted' : 'trimmed' }
  }

  /** @param after A position at or after the last dropped event. */
  #read(after: number, limit: number): StoredMessage[] {
    const messages: StoredMessage[] = []
    for (const pack of this.#packs) {
      if (pack.last <= after) continue
      for (let index = pack.indexAfter(after); index < pack.size && messages.length < limit; index++) {
        messages.push(pack.at(index))
      }
    }
    for (const message of this.#loose) {
      if (message.position > after && messages.length < limit) messages.push(message)
    }
    return messages
  }
}
