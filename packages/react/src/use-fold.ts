import { type Fold, FoldStore, listOf, type StreamBinding } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { useInsertionEffect, useRef, useState } from 'react'
import { useBinding } from './context.js'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'
import { useHydrating } from './use-hydrating.js'

export interface ReplayOptions {
  /**
   * Begins with the events that the provider kept (see its `bufferSize`) before the component was mounted. Read when
   * the component mounts.
   * @default false
   */
  replay?: boolean
}

interface Made<Result, F extends Fold<Result>> {
  readonly fold: F
  readonly store: FoldStore<Result>
  readonly result: Result
}

/** Folds events to a result. Makes a new fold when the stream or the types change. */
export function useFold<Result, F extends Fold<Result>>(
  definitions: EventDefinition | readonly EventDefinition[],
  create: () => F & Fold<Result>,
  { replay = false }: ReplayOptions = {},
): [result: Result, fold: F] {
  const binding = useBinding()
  const list = listOf(definitions)
  const hydrating = useHydrating()
  const [made, setMade] = useState(() => make(binding, list, create(), replay, hydrating))
  let current = made
  if (!made.store.matches(binding, list)) {
    current = make(binding, list, create(), replay, hydrating)
    setMade(current)
  }
  const { fold, store, result } = current
  // An insertion effect, which React keeps while <Activity> hides the component: nothing is missed.
  useInsertionEffect(() => store.subscribe(), [store])
  const rendered = useRef(result)
  useInsertionEffect(() => {
    rendered.current = result
  })
  // Plain state: an external store updates synchronously and restarts every transition that is being rendered.
  useBrowserLayoutEffect(
    () =>
      store.watch(rendered.current, (next) =>
        setMade((previous) => (previous.store === store ? { ...previous, result: next } : previous)),
      ),
    [store],
  )
  return [result, fold]
}

function make<Result, F extends Fold<Result>>(
  binding: StreamBinding,
  list: readonly EventDefinition[],
  fold: F & Fold<Result>,
  replay: boolean,
  hydrating: boolean,
): Made<Result, F> {
  const store = new FoldStore<Result>(binding, list, fold, replay ? 0 : undefined)
  return { fold, store, result: hydrating ? store.initial : store.result }
}
