/** An item with a time at which it is due. */
export interface Due {
  /** In milliseconds since the Unix epoch. Only the queue changes it. */
  due: number
  /** Its index in the queue, or -1. */
  slot: number
}

/** A heap of items, the earliest due first. */
export class DueQueue<Item extends Due> {
  readonly #items: Item[] = []

  get first(): Item | undefined {
    return this.#items[0]
  }

  get size(): number {
    return this.#items.length
  }

  /** Adds an item or moves it to another time. `Infinity` removes it. */
  set(item: Item, due: number): void {
    if (due === Infinity) {
      this.#remove(item)
      return
    }
    if (item.slot < 0) item.slot = this.#items.push(item) - 1
    item.due = due
    this.#rise(item)
    this.#sink(item)
  }

  /** At most `limit` items that are due by a time, in no particular order. */
  upTo(time: number, limit: number): Item[] {
    const found: Item[] = []
    const look = (slot: number) => {
      const item = this.#items[slot]
      if (!item || item.due > time || found.length >= limit) return
      found.push(item)
      look(2 * slot + 1)
      look(2 * slot + 2)
    }
    look(0)
    return found
  }

  clear(): void {
    this.#items.length = 0
  }

  #remove(item: Item): void {
    if (item.slot < 0) return
    const last = this.#items.pop()!
    if (last !== item) {
      this.#put(last, item.slot)
      this.#rise(last)
      this.#sink(last)
    }
    item.slot = -1
  }

  #rise(item: Item): void {
    while (item.slot > 0) {
      const parent = this.#items[(item.slot - 1) >> 1]!
      if (parent.due <= item.due) return
      this.#swap(parent, item)
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const left = this.#items[2 * item.slot + 1]
      const right = this.#items[2 * item.slot + 2]
      const child = right && left && right.due < left.due ? right : left
      if (!child || child.due >= item.due) return
      this.#swap(item, child)
    }
  }

  #swap(upper: Item, lower: Item): void {
    const slot = upper.slot
    this.#put(upper, lower.slot)
    this.#put(lower, slot)
  }

  #put(item: Item, slot: number): void {
    this.#items[slot] = item
    item.slot = slot
  }
}
