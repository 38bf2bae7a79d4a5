import type { Order, SentOrder } from './order.js'

/** Limits of the remembered orders of each type, by number and age. No node is away for longer. */
const maxOrders = 1_000
const maxAgeMs = 3_600_000

/** The orders that a node has carried out. Many of one type leave those of the others. */
export class Recent {
  readonly #now: () => number
  readonly #byType = new Map<Order['type'], Map<string, { readonly order: SentOrder; readonly time: number }>>()
  /** The highest position among the forgotten orders. */
  #forgotten = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** @returns False if it is known already. */
  add(order: SentOrder): boolean {
    const known = this.#byType.get(order.type) ?? new Map()
    if (known.has(order.id)) return false
    this.#byType.set(order.type, known)
    const now = this.#now()
    known.set(order.id, { order, time: now })
    for (const [id, { order: oldest, time }] of known) {
      if (known.size <= maxOrders && now - time <= maxAgeMs) break
      known.delete(id)
      this.#forgotten = Math.max(this.#forgotten, oldest.position ?? Infinity)
    }
    return true
  }

  /** All of them, in the order of their positions. */
  all(): SentOrder[] {
    const orders = [...this.#byType.values()].flatMap((known) => [...known.values()].map(({ order }) => order))
    return orders.sort((one, other) => (one.position ?? Infinity) - (other.position ?? Infinity))
  }

  /** Those after a position; `undefined` if some of them are forgotten. */
  since(position: number): SentOrder[] | undefined {
    if (position < this.#forgotten) return undefined
    return this.all().filter((order) => (order.position ?? Infinity) > position)
  }
}
