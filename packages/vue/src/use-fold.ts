import { type Fold, FoldStore, listOf } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue } from 'vue'
import { useFeed } from './context.js'
import { rendersForServer } from './renders-for-server.js'
import { whileMounted } from './while-mounted.js'

export interface ReplayOptions {
  /**
   * Begins with the events that were kept (see `bufferSize`) from before the component was mounted. They are there at its
   * first render, except where that has to match a page that came from a server.
   * @default false
   */
  replay?: boolean
}

/** Folds events into a result that is replaced once per frame, with a new fold where the stream or the types change. */
export function useFold<Result>(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  create: () => Fold<Result>,
  { replay = false }: ReplayOptions = {},
): ShallowRef<Result> {
  const feed = useFeed()
  const list = computed(() => listOf(toValue(definitions)))
  // Setup and mounting are two moments: under <Suspense> a long time may lie between them, of which nothing is missed.
  const make = () => new FoldStore(feed.value, list.value, create(), replay ? 0 : feed.value.position)
  let store = make()
  const result = shallowRef(rendersForServer() ? store.initial : store.result)
  // An array that is made anew with the same types is no reason to begin anew.
  const current = computed<FoldStore<Result>>(() => {
    if (!store.isOf(feed.value, list.value)) store = make()
    return store
  })
  whileMounted(current, (latest) => {
    const stop = latest.subscribe()
    const unwatch = latest.watch(result.value, (next) => {
      result.value = next
    })
    return () => {
      unwatch()
      stop()
    }
  })
  return result
}
