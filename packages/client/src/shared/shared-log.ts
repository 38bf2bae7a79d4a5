import type { GapEvent, SseMessage } from '@rivulet/core'
import type { BesideCursor } from '../connection/stream-link.js'

/** Place in the log of a shared connection: the leader's term, and a count within it. */
export type Place = readonly [term: number, index: number]

/** Item that a leader received and passes on to the other tabs. */
export interface LogItem {
  readonly place: Place
  readonly message?: SseMessage | undefined
  readonly id?: string | undefined
  readonly positioned?: boolean | undefined
  readonly replayed?: boolean | undefined
  readonly beside?: BesideCursor | undefined
  /** The channels that the server has added, and whose history follows; none where it ends. */
  readonly joined?: readonly string[] | undefined
  /** The history ends here. */
  readonly live?: true | undefined
  readonly gap?: GapEvent | undefined
}

/** Limits of a log. Older items come from the server. */
const maxItems = 1_000
const maxCharacters = 4_000_000

/**
 * Latest items of a shared connection. Every tab has a copy with the same places, so its handlers can fall behind
 * alone, and any tab can take over. Ordinals count within one copy.
 */
export class SharedLog {
  /** Place of the last item; term 0 while the log belongs to no leader. */
  place: Place = [0, 0]
  /** Last event ID after the last item. */
  lastId = ''
  /** Nothing was received yet: there are at most items that mark the start of a term. */
  isBlank = true
  /** The server has said that the stream is a run: all of it can be read from its beginning. */
  run: boolean | undefined
  /** Channels that the server has added, and whose history is not complete. */
  joined: readonly string[] = []
  /** Ordinal of the first item. */
  start = 0
  /** Place and last event ID before the first item. */
  #before: { place: Place; id: string } = { place: [0, 0], id: '' }
  #items: LogItem[] = []
  #characters = 0

  /** Ordinal of the next item. */
  get end(): number {
    return this.start + this.#items.length
  }

  at(ordinal: number): LogItem | undefined {
    return this.#items[ordinal - this.start]
  }

  add(item: LogItem): void {
    this.place = item.place
    if (item.id !== undefined) this.lastId = item.id
    if (item.joined) this.joined = item.joined
    if (item.id !== undefined || item.message || item.gap) this.isBlank = false
    this.#items.push(item)
    this.#characters += sizeOf(item)
    while (this.#items.length > maxItems || this.#characters > maxCharacters) {
      const { place, id = this.#before.id } = this.#items[0] as LogItem
      this.#characters -= sizeOf(this.#items.shift() as LogItem)
      this.#before = { place, id }
      this.start++
    }
  }

  /** Continues after missing items. A reader that has not passed them finds its ordinal before `start`. */
  restart(place: Place, id: string): void {
    this.start = this.end + 1
    this.#items = []
    this.#characters = 0
    if (place[0] === 0) this.isBlank = true
    this.#before = { place, id }
    this.place = place
    this.lastId = id
    this.joined = []
  }

  /** Returns the items after a place, or `undefined` if the log does not contain it. */
  since([term, index]: Place): readonly LogItem[] | undefined {
    const is = (place: Place) => term !== 0 && place[0] === term && place[1] === index
    if (is(this.#before.place)) return this.#items
    const at = this.#find(({ place }) => is(place))
    return at < 0 ? undefined : this.#items.slice(at + 1)
  }

  /** Returns the items after an event, or `undefined` if the log does not contain it. */
  sinceId(id: string): readonly LogItem[] | undefined {
    const ordinal = this.ordinalAfter(id)
    return ordinal === undefined ? undefined : this.#items.slice(ordinal - this.start)
  }

  /** Returns the ordinal after an event, or `undefined` if the log does not contain it. */
  ordinalAfter(id: string): number | undefined {
    if (id === '') return undefined
    const at = this.#find((item) => item.id === id)
    return at >= 0 ? this.start + at + 1 : id === this.#before.id ? this.start : undefined
  }

  /** Returns the index of the last match, or -1. */
  #find(is: (item: LogItem) => boolean): number {
    let at = this.#items.length - 1
    while (at >= 0 && !is(this.#items[at] as LogItem)) at--
    return at
  }
}

function sizeOf({ message }: LogItem): number {
  return message ? message.data.length : 0
}
