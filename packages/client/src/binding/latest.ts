import type { BaseEvent } from '@rivulet/core'
import type { Fold } from './fold-store.js'
import type { FoldRecipe } from './shared-folds.js'

/** Fold that keeps the latest events, oldest first. */
export class Latest implements Fold<readonly BaseEvent[]> {
  readonly #limitNow: () => number
  #events: readonly BaseEvent[]
  #added: BaseEvent[] = []

  /**
   * @param limit Number of events to keep, or a function that returns the present one. Less than 1 counts as 1.
   * @param events Events to begin with.
   */
  constructor(limit: number | (() => number), events: readonly BaseEvent[] = []) {
    this.#limitNow = typeof limit === 'function' ? limit : () => limit
    this.#events = events
  }

  get #limit(): number {
    return atLeastOne(this.#limitNow())
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

/** Recipe of a list of the latest events. It shows a shorter list only with the next event: cut it with `lastOf`. */
export function latestEvents(limit: number): FoldRecipe<readonly BaseEvent[]> {
  return {
    key: [Latest, limit],
    create: () => new Latest(limit),
    resume: (events) => new Latest(limit, events),
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
