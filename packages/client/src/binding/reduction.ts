import type { BaseEvent } from '@rivulet/core'
import type { Fold } from './fold-store.js'

export type Reducer<State> = (state: State, event: BaseEvent) => State

/** A state that a reducer makes of events. */
export class Reduction<State> implements Fold<State> {
  #reducer: Reducer<State>
  #state: State

  constructor(reducer: Reducer<State>, initial: State) {
    this.#reducer = reducer
    this.#state = initial
  }

  /** Goes on with another reducer. */
  use(reducer: Reducer<State>): void {
    this.#reducer = reducer
  }

  add(event: BaseEvent): void {
    // Not called as a method, which would hand it this object.
    const reduce = this.#reducer
    this.#state = reduce(this.#state, event)
  }

  result(): State {
    return this.#state
  }
}
