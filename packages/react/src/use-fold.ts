import type { EventDefinition } from '@rivulet/core'
import { useState, useSyncExternalStore } from 'react'
import { useFeed } from './context.js'
import { type Fold, FoldStore } from './fold-store.js'

export interface ReplayOptions {
  /**
   * Whether to begin with the events that the provider has kept (see its `bufferSize`) from before the component was
   * mounted. Read when the component mounts.
   * @default false
   */
  replay?: boolean
}

/** Folds events into a result, with a new fold where the stream or the types change. */
export function useFold<Result, F extends Fold<Result>>(
  definitions: EventDefinition | readonly EventDefinition[],
  create: () => F & Fold<Result>,
  { replay = false }: ReplayOptions = {},
): [result: Result, fold: F, refresh: () => void] {
  const feed = useFeed()
  const list: readonly EventDefinition[] = 'type' in definitions ? [definitions as EventDefinition] : definitions
  const types = list.map(({ type }) => type).join('\n')
  const make = () => {
    const fold = create()
    return { feed, types, fold, store: new FoldStore<Result>(feed, list, fold, replay) }
  }
  const [made, setMade] = useState(make)
  let current = made
  if (made.feed !== feed || made.types !== types) {
    current = make()
    setMade(current)
  }
  const { fold, store } = current
  return [useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot), fold, store.refresh]
}
