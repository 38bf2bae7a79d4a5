import { Reduction } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { MaybeRefOrGetter, ShallowRef } from 'vue'
import { type ReplayOptions, useFold } from './use-fold.js'

/**
 * Reduces all events of one type, or of several, to a state. The ref changes at most once per animation frame, however
 * many events come. It starts again from `initial` when the stream or the types change.
 *
 * If the reducer throws, the event is skipped: the state stays as it was and the error goes to the stream's `onError`.
 *
 * @param reducer Pure function.
 *
 * @throws {MissingStreamError} without a provider or plugin
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
