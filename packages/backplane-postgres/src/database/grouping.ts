/** An item that waits to be carried out together with others. */
interface Waiting<Item, Result> {
  readonly item: Item
  readonly size: number
  resolve(result: Result): void
  reject(error: unknown): void
}

export interface GroupingOptions<Item, Result> {
  /** Maximum number and total size of the items of one group. An item that is larger goes alone. */
  readonly maxItems: number
  readonly maxSize: number
  readonly sizeOf: (item: Item) => number
  /** Carries out a group, and resolves with one result for each item. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
}

/**
 * Carries out items in groups, one group at a time. A group has the items of one turn of the event loop, or those that arrived
 * while the previous group was carried out.
 */
export class Grouping<Item, Result> {
  readonly #options: GroupingOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #running = false

  constructor(options: GroupingOptions<Item, Result>) {
    this.#options = options
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, size: this.#options.sizeOf(item), resolve, reject })
      if (this.#running) return
      this.#running = true
      queueMicrotask(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#take()
      try {
        const results = await this.#options.run(group.map(({ item }) => item))
        for (const [index, { resolve }] of group.entries()) resolve(results[index]!)
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = false
  }

  #take(): Waiting<Item, Result>[] {
    const { maxItems, maxSize } = this.#options
    let size = 0
    let count = 0
    for (const waiting of this.#waiting) {
      size += waiting.size
      if (count === maxItems || (count > 0 && size > maxSize)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}
