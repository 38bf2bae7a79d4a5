import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { MaybeRefOrGetter, ShallowRef } from 'vue'
import { type ReplayOptions, useFold } from './use-fold.js'

/**
 * Reduces every event of a type, or of several, to a state, which is replaced at most once per animation frame, however
 * many events came. It begins anew where the stream or the types change.
 *
 * @throws {MissingStreamError}
 */
export function useEventReducer<Definition extends EventDefinition, State>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options?: ReplayOptions,
): Readonly<ShallowRef<State>> {
  const reduce = reducer as (state: State, event: BaseEvent) => State
  const create = () => {
    let state = initial
    return {
      add: (event: BaseEvent) => {
        state = reduce(state, event)
      },
      result: () => state,
    }
  }
  return useFold(definitions, create, options).result
}
