/** An item that waits to be carried out together with others. */
interface Waiting<Item, Result> {
  readonly item: Item
  readonly size: number
  readonly since: number
  resolve(result: Result): void
  reject(error: unknown): void
}

export interface GroupingOptions<Item, Result> {
  /** Maximum number and total size of the items of one group. An item that is larger goes alone. */
  readonly maxItems: number
  readonly maxSize: number
  readonly sizeOf: (item: Item) => number
  /** Time for which an item waits at most, in milliseconds. It is then rejected, so that no backlog can grow during an outage. */
  readonly maxWaitMs: number
  readonly onLate: () => Error
  readonly now?: () => number
  /** Carries out a group, and resolves with one result for each item. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
}

/**
 * Carries out items in groups, one group at a time. A group has the items of one turn of the event loop, or those that arrived
 * while the previous group was carried out.
 */
export class Grouping<Item, Result> {
  readonly #options: GroupingOptions<Item, Result>
  readonly #now: () => number
  #waiting: Waiting<Item, Result>[] = []
  #running = false

  constructor(options: GroupingOptions<Item, Result>) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, size: this.#options.sizeOf(item), since: this.#now(), resolve, reject })
      if (this.#running) return
      this.#running = true
      queueMicrotask(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#rejectLate()
      const group = this.#take()
      if (group.length === 0) continue
      try {
        const results = await this.#options.run(group.map(({ item }) => item))
        for (const [index, { resolve }] of group.entries()) resolve(results[index]!)
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = false
  }

  #rejectLate(): void {
    const { maxWaitMs, onLate } = this.#options
    const oldest = this.#now() - maxWaitMs
    const inTime = this.#waiting.findIndex(({ since }) => since > oldest)
    const late = this.#waiting.splice(0, inTime < 0 ? this.#waiting.length : inTime)
    for (const { reject } of late) reject(onLate())
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
