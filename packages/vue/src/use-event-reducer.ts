import { Reduction } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { MaybeRefOrGetter, ShallowRef } from 'vue'
import { type ReplayOptions, useFold } from './use-fold.js'

/**
 * Reduces every event of a type, or of several, to a state, which is replaced at most once per animation frame, however
 * many events came. It begins anew where the stream or the types change.
 *
 * An event that makes the reducer throw is skipped, whether it is new or replayed: the state stays as it was, and the error
 * goes to the stream's `onError`.
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
  return useFold<State>(definitions, () => new Reduction(reduce, initial), options)
}
