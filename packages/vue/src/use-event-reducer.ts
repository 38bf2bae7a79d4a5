import { reducedState, type SelectOptions } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { ComputedRef, MaybeRefOrGetter, Ref, ShallowRef } from 'vue'
import { type CollectOptions, useFold } from './use-fold.js'
import { useSelected } from './use-selected.js'

/**
 * Reduces all events of one type, or of several, to a state. The ref changes at most once per animation frame, however
 * many events come. It starts again from `initial` when the stream, the channel or the types change.
 *
 * With `select`, the ref has what it selects from the state, and changes only with that. Components with the same reducer (the
 * same function, not an equal one), initial state and options share one state, which is computed once.
 *
 * If the reducer throws, the event is skipped: the state stays as it was and the error goes to the stream's `onError`.
 *
 * @param reducer Pure function.
 *
 * @throws {MissingStreamError} without a provider or plugin
 * @throws {ConfigurationError} for an invalid option
 */
export function useEventReducer<Definition extends EventDefinition, State, Selected>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options: CollectOptions & SelectOptions<NoInfer<State>, Selected>,
): ComputedRef<Selected>
export function useEventReducer<Definition extends EventDefinition, State>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options?: CollectOptions,
): Readonly<ShallowRef<State>>
export function useEventReducer<State>(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  reducer: (state: State, event: never) => State,
  initial: State,
  { select, equal, ...options }: CollectOptions & Partial<SelectOptions<State, unknown>> = {},
): Readonly<Ref<unknown>> {
  const recipe = reducedState(reducer as (state: State, event: BaseEvent) => State, initial)
  const { result: state } = useFold(definitions, () => recipe, options)
  return select ? useSelected(() => state.value, { select, equal }) : state
}
