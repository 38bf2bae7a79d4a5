import { Reduction } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect } from 'react'
import { type ReplayOptions, useFold } from './use-fold.js'

/**
 * Reduces every event of a type, or of several, to a state. The component is rendered at most once per animation frame,
 * however many events came. The reducer may change with each render and has to be pure; `initial` counts when the
 * component mounts, and again where the stream or the types change.
 *
 * An event that makes the reducer throw is skipped, whether it is new or replayed: the state stays as it was, and the error
 * goes to the stream's `onError`. While a component is hidden by `<Activity>` it goes on reducing.
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
  const reduce = reducer as (state: State, event: BaseEvent) => State
  const [state, reduction] = useFold<State, Reduction<State>>(
    definitions,
    () => new Reduction(reduce, initial),
    options,
  )
  useInsertionEffect(() => reduction.use(reduce), [reduction, reduce])
  return state
}
