import { type Feed, type Fold, FoldStore, listOf } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { useInsertionEffect, useRef, useState } from 'react'
import { useFeed } from './context.js'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'
import { useHydrating } from './use-hydrating.js'

export interface ReplayOptions {
  /**
   * Begins with the events that the provider has kept (see its `bufferSize`) from before the component was mounted. Read
   * when the component mounts.
   * @default false
   */
  replay?: boolean
}

interface Made<Result, F extends Fold<Result>> {
  readonly fold: F
  readonly store: FoldStore<Result>
  readonly result: Result
}

/** Folds events into a result, with a new fold where the stream or the types change. */
export function useFold<Result, F extends Fold<Result>>(
  definitions: EventDefinition | readonly EventDefinition[],
  create: () => F & Fold<Result>,
  { replay = false }: ReplayOptions = {},
): [result: Result, fold: F] {
  const feed = useFeed()
  const list = listOf(definitions)
  const hydrating = useHydrating()
  const [made, setMade] = useState(() => make(feed, list, create(), replay, hydrating))
  let current = made
  if (!made.store.isOf(feed, list)) {
    current = make(feed, list, create(), replay, hydrating)
    setMade(current)
  }
  const { fold, store, result } = current
  // React keeps insertion effects while <Activity> hides a component: nothing is missed there.
  useInsertionEffect(() => store.subscribe(), [store])
  const rendered = useRef(result)
  useInsertionEffect(() => {
    rendered.current = result
  })
  // A plain state, not an external store: those are updated synchronously, and start over every transition that is under way.
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
  feed: Feed,
  list: readonly EventDefinition[],
  fold: F & Fold<Result>,
  replay: boolean,
  hydrating: boolean,
): Made<Result, F> {
  const store = new FoldStore<Result>(feed, list, fold, replay ? 0 : undefined)
  return { fold, store, result: hydrating ? store.initial : store.result }
}
