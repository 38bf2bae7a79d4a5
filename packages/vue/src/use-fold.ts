import { type Fold, FoldStore, listOf } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue } from 'vue'
import { useBinding } from './context.js'
import { rendersForServer } from './renders-for-server.js'
import { whileMounted } from './while-mounted.js'

export interface ReplayOptions {
  /**
   * Begins with the events that were kept (see `bufferSize`) before the component was mounted. The first render shows
   * them, unless it hydrates a page from a server.
   * @default false
   */
  replay?: boolean
}

/** Folds events to a result that is replaced once per frame. Makes a new fold when the stream or the types change. */
export function useFold<Result>(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  create: () => Fold<Result>,
  { replay = false }: ReplayOptions = {},
): ShallowRef<Result> {
  const binding = useBinding()
  const list = computed(() => listOf(toValue(definitions)))
  // Begins at setup, not at mounting: with <Suspense>, the two may be far apart.
  const make = () => new FoldStore(binding.value, list.value, create(), replay ? 0 : binding.value.received)
  let store = make()
  const result = shallowRef(rendersForServer() ? store.initial : store.result)
  // A new array with the same types keeps the store.
  const current = computed<FoldStore<Result>>(() => {
    if (!store.matches(binding.value, list.value)) store = make()
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
