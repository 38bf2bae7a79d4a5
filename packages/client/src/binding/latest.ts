import type { BaseEvent } from '@rivulet/core'
import type { Fold } from './fold-store.js'

/** The last events, up to a limit. */
export class Latest implements Fold<readonly BaseEvent[]> {
  #limit: number
  #events: readonly BaseEvent[] = []
  #added: BaseEvent[] = []

  constructor(limit: number) {
    this.#limit = atLeastOne(limit)
  }

  /** Changes how many events are kept from now on. */
  resize(limit: number): void {
    this.#limit = atLeastOne(limit)
  }

  add(event: BaseEvent): void {
    this.#added.push(event)
    // Cut at twice the limit, so that the cost of moving the rest is spread over as many events.
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

/** The last events of a list; the same list where it has no more. */
export function lastOf<Event>(events: readonly Event[], limit: number): readonly Event[] {
  const count = atLeastOne(limit)
  return events.length > count ? events.slice(-count) : events
}

function atLeastOne(limit: number): number {
  return Math.max(1, limit)
}
