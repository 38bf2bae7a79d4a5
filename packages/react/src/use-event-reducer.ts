import { reducedState, type SelectOptions } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type CollectOptions, useFold } from './use-fold.js'
import { useSelected, useSelection } from './use-selection.js'

/**
 * Reduces all events of one type, or of several, to a state. The component renders at most once per animation frame,
 * however many events arrive. While `<Activity>` hides it, it goes on reducing.
 *
 * With `select`, the result is what it selects from the state, and the component renders only when that changes. Components
 * with the same reducer (the same function, not an equal one), initial state and options share one state, which is computed once.
 *
 * If the reducer throws, the event is skipped: the state stays as it was and the error goes to the stream's `onError`.
 *
 * @param reducer Pure function. It may change with each render.
 * @param initial State to begin with, read when the component mounts and again when the stream, the channel or the types change.
 *
 * @throws {MissingStreamError} outside a provider
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const errors = useEventReducer(events.log, (count, { level }) => count + Number(level === 'error'), 0)
 */
export function useEventReducer<Definition extends EventDefinition, State, Selected>(
  definitions: Definition | readonly Definition[],
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options: CollectOptions & SelectOptions<NoInfer<State>, Selected>,
): Selected
export function useEventReducer<Definition extends EventDefinition, State>(
  definitions: Definition | readonly Definition[],
  reducer: (state: State, event: EventOfDefinition<Definition>) => State,
  initial: State,
  options?: CollectOptions,
): State
export function useEventReducer<State>(
  definitions: EventDefinition | readonly EventDefinition[],
  reducer: (state: State, event: never) => State,
  initial: State,
  { select, equal, ...options }: CollectOptions & Partial<SelectOptions<State, unknown>> = {},
): unknown {
  const selection = useSelection<State, unknown>()
  const isNew = select && ((state: State) => selection.isNew(state))
  const recipe = reducedState(reducer as (state: State, event: BaseEvent) => State, initial)
  const { result: state } = useFold(definitions, recipe, options, isNew)
  return useSelected(selection, state, select && { select, equal })
}
