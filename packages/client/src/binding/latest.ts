import type { BaseEvent } from '@rivulet/core'
import type { Fold } from './fold-store.js'

/** Fold that keeps the latest events, oldest first. */
export class Latest implements Fold<readonly BaseEvent[]> {
  #limit: number
  #events: readonly BaseEvent[] = []
  #added: BaseEvent[] = []

  /** @param limit Number of events to keep. Less than 1 counts as 1. */
  constructor(limit: number) {
    this.#limit = atLeastOne(limit)
  }

  /** Keeps this many events from the next one on. To shorten the list at once, cut it with `lastOf`. */
  resize(limit: number): void {
    this.#limit = atLeastOne(limit)
  }

  add(event: BaseEvent): void {
    this.#added.push(event)
    // Cut at twice the limit: the cost of moving the rest is spread over as many events.
    if (this.#added.length > 2 * this.#limit) this.#added = this.#added.slice(-this.#limit)
  }

  result(): readonly BaseEvent[] {
    if (this.#added.length > 0) {
      this.#events = lastOf([...this.#events, ...this.#added], this.#limit)
      this.#added = []
    }
    return this.#events
  }
}

/** The last `limit` events of a list, at least one. Returns the list itself if it is not longer. */
export function lastOf<Event>(events: readonly Event[], limit: number): readonly Event[] {
  const count = atLeastOne(limit)
  return events.length > count ? events.slice(-count) : events
}

function atLeastOne(limit: number): number {
  return Math.max(1, limit)
}
