import type { BaseEvent } from '@rivulet/core'
import type { Fold } from './fold-store.js'
import type { FoldRecipe } from './shared-folds.js'

/** Makes the next state from the state and an event. MUST NOT change either. */
export type Reducer<State> = (state: State, event: BaseEvent) => State

/** Fold that reduces events to a state. */
export class Reduction<State> implements Fold<State> {
  #reducer: Reducer<State>
  #state: State

  constructor(reducer: Reducer<State>, initial: State) {
    this.#reducer = reducer
    this.#state = initial
  }

  /** Reduces with another reducer from the next event on. */
  use(reducer: Reducer<State>): void {
    this.#reducer = reducer
  }

  add(event: BaseEvent): void {
    // Not called as a method: `this` would be the reduction.
    const reduce = this.#reducer
    this.#state = reduce(this.#state, event)
  }

  result(): State {
    return this.#state
  }
}

/** Recipe of a reduced state. Only components with the same function and the same initial value share it. */
export function reducedState<State>(reducer: Reducer<State>, initial: State): FoldRecipe<State> {
  return {
    key: [reducer, initial],
    create: () => new Reduction(reducer, initial),
    resume: (state) => new Reduction(reducer, state),
  }
}
