import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect } from 'react'
import { type ReplayOptions, useFold } from './use-fold.js'

export type { ReplayOptions }

/**
 * Reduces every event of a type, or of several, to a state. The component is rendered at most once per animation frame,
 * however many events came. The reducer may change with each render and has to be pure; `initial` counts when the
 * component mounts, and again where the stream or the types change.
 *
 * @throws {MissingProviderError}
 *
 * @example
 * const errors = useEventReducer(events.log, (count, { level }) => count + Number(level === 'error'), 0)
 */
export function useEventReducer<Definition extends EventDefinition, State>(
  definitions: Definition | readonly Definition[],
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options?: ReplayOptions,
): State {
  const [state, fold] = useFold(definitions, () => new Reduction(reducer as Reducer<State>, initial), options)
  useInsertionEffect(() => {
    fold.reducer = reducer as Reducer<State>
  })
  return state
}

type Reducer<State> = (state: State, event: BaseEvent) => State

class Reduction<State> {
  reducer: Reducer<State>
  #state: State

  constructor(reducer: Reducer<State>, initial: State) {
    this.reducer = reducer
    this.#state = initial
  }

  add(event: BaseEvent): void {
    const { reducer } = this
    this.#state = reducer(this.#state, event)
  }

  result(): State {
    return this.#state
  }
}
