import {
  type CountedResult,
  type FoldRecipe,
  type FoldSource,
  FoldView,
  listOf,
  type StreamBinding,
} from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { useInsertionEffect, useRef, useState } from 'react'
import { useBinding } from './context.js'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'
import { useHydrating } from './use-hydrating.js'

/** Options of the hooks that collect events. */
export interface CollectOptions {
  /**
   * Begins with the events that the provider kept (see its `bufferSize`) before the component was mounted, or with what another
   * component that asks for the same already shows. Read when the component mounts.
   * @default false
   */
  replay?: boolean
  /**
   * Listens only while true. While false, the component keeps what it has. When it is true again, it goes on with the next event,
   * or with `replay` with the events that the provider has kept in between. It does not affect the connection.
   * @default true
   */
  enabled?: boolean
  /** Selects the events of one channel. @default undefined: the events of all channels */
  channel?: string | undefined
  /**
   * Least time between two renders because of events, in milliseconds. The first event is shown at once and the last one
   * always. 0 renders with each animation frame, or as often as the provider's `throttleMs` allows.
   * @default 0
   */
  throttleMs?: number
}

interface Made<Result> extends CountedResult<Result> {
  readonly view: FoldView<Result>
}

/** The result of a fold, and the view that has it. */
export interface Folded<Result> {
  readonly result: Result
  readonly view: FoldView<Result>
}

/**
 * Folds events to a result. Makes a new fold when the stream, the channel or the types change.
 *
 * @param isNew Tells whether a result must be rendered. @default Each one is rendered
 */
export function useFold<Result>(
  definitions: EventDefinition | readonly EventDefinition[],
  recipe: FoldRecipe<Result>,
  { replay = false, enabled = true, channel, throttleMs = 0 }: CollectOptions,
  isNew: ((result: Result, view: FoldView<Result>) => boolean) | undefined,
): Folded<Result> {
  const binding = useBinding()
  const source = { definitions: listOf(definitions), channel }
  const hydrating = useHydrating()
  const [made, setMade] = useState(() => make(binding, source, recipe, replay, hydrating))
  let current = made
  if (!made.view.matches(binding, source)) {
    current = make(binding, source, recipe, replay, hydrating)
    setMade(current)
  }
  const { view } = current
  // A component that does not render each result shows what the others show now.
  if (isNew && !hydrating && view.committed.count > current.count) current = { view, ...view.committed }
  const { result } = current
  // Insertion effects, which React keeps while <Activity> hides the component: nothing is missed.
  useInsertionEffect(() => (enabled ? view.subscribe() : undefined), [view, enabled])
  const latest = useRef({ result, isNew })
  useInsertionEffect(() => {
    view.use(recipe)
    view.throttle(throttleMs)
    latest.current = { result, isNew }
  })
  // Plain state: an external store updates synchronously and restarts every transition that is being rendered.
  useBrowserLayoutEffect(
    () =>
      view.watch(latest.current.result, (next) => {
        if (latest.current.isNew?.(next, view) === false) return
        setMade((previous) => (previous.view === view ? { view, result: next, count: binding.received } : previous))
      }),
    [view, binding],
  )
  // The others may have changed in this commit.
  useBrowserLayoutEffect(() => {
    const { committed } = view
    if (isNew && committed.result !== result && isNew(committed.result, view)) setMade({ view, ...committed })
  })
  return { result, view }
}

function make<Result>(
  binding: StreamBinding,
  source: FoldSource,
  recipe: FoldRecipe<Result>,
  replay: boolean,
  hydrating: boolean,
): Made<Result> {
  const view = new FoldView(binding, source, recipe, { replay })
  return { view, result: hydrating ? view.initial : view.result, count: 0 }
}
