import { Reduction } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect } from 'react'
import { type ReplayOptions, useFold } from './use-fold.js'

/**
 * Reduces all events of one type, or of several, to a state. The component renders at most once per animation frame,
 * however many events arrive. While `<Activity>` hides it, it goes on reducing.
 *
 * If the reducer throws, the event is skipped: the state stays as it was and the error goes to the stream's `onError`.
 *
 * @param reducer Pure function. It may change with each render.
 * @param initial State to begin with, read when the component mounts and again when the stream or the types change.
 *
 * @throws {MissingStreamError} outside a provider
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
  const reduce = reducer as (state: State, event: BaseEvent) => State
  const [state, reduction] = useFold<State, Reduction<State>>(
    definitions,
    () => new Reduction(reduce, initial),
    options,
  )
  useInsertionEffect(() => reduction.use(reduce), [reduction, reduce])
  return state
}
