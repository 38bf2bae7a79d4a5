import type { GapEvent, SseMessage } from '@rivulet/core'

/** A place in the log of a shared connection: the leader's term, and a number that counts within it. */
export type Place = readonly [term: number, index: number]

/** What a leader received, as it goes to the other tabs. */
export interface LogItem {
  readonly place: Place
  readonly message?: SseMessage
  readonly id?: string | undefined
  readonly positioned?: boolean
  readonly gap?: GapEvent
}

/** How much is kept for tabs that fell behind. What is older than that they have missed. */
const maxItems = 1_000
const maxCharacters = 4_000_000

/**
 * What was received last. Every tab keeps it in the same places, so that whichever takes over can give the others what
 * they have missed.
 */
export class SharedLog {
  /** Of the last item. */
  place: Place = [0, 0]
  /** The last place before the current term. */
  #before: Place = [0, 0]
  #items: LogItem[] = []
  #characters = 0

  /** The place that the next item gets. */
  get next(): Place {
    return [this.place[0], this.place[1] + 1]
  }

  moveTo(place: Place): void {
    if (place[0] !== this.place[0]) this.#before = this.place
    this.place = place
  }

  add(item: LogItem): void {
    this.moveTo(item.place)
    this.#items.push(item)
    this.#characters += sizeOf(item)
    while (this.#items.length > maxItems || this.#characters > maxCharacters) {
      this.#characters -= sizeOf(this.#items.shift() as LogItem)
    }
  }

  /** What came after a place, or `undefined` where that is not known any more. */
  after([term, index]: Place): LogItem[] | undefined {
    if (term === this.place[0] && index === this.place[1]) return []
    const at = this.#items.findIndex(({ place }) => place[0] === term && place[1] > index)
    if (at >= 0) return this.#items[at]?.place[1] === index + 1 ? this.#items.slice(at) : undefined
    // Nothing more of that term is known here: what follows is the whole of the current one. Who has seen more of the
    // earlier term than this tab gets some events twice, and knows them by their positions.
    if (term !== this.#before[0] || index < this.#before[1]) return undefined
    const current = this.#items.filter(({ place }) => place[0] === this.place[0])
    return current.length === this.place[1] ? current : undefined
  }

  /** What came after an event, or `undefined` where that is not known any more. */
  afterId(id: string): LogItem[] | undefined {
    const at = this.#items.map((item) => item.id).lastIndexOf(id)
    return at < 0 ? undefined : this.#items.slice(at + 1)
  }
}

function sizeOf({ message }: LogItem): number {
  return message ? message.data.length : 0
}
