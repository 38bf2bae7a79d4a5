import { cancelFrame, nextFrame } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue } from 'vue'
import { useFeed } from './context.js'
import { whileMounted } from './while-mounted.js'

export interface ReplayOptions {
  /**
   * Whether to begin with the events that were kept (see `bufferSize`) from before the component was mounted.
   * @default false
   */
  replay?: boolean
}

/** What becomes of events, one after the other. */
export interface Fold<Result> {
  /** Called with every event at once. */
  add(event: BaseEvent): void
  /** Called once per frame, and only after events. */
  result(): Result
}

/** Folds events into a result that is replaced once per frame, with a new fold where the stream or the types change. */
export function useFold<Result>(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  create: () => Fold<Result>,
  { replay = false }: ReplayOptions = {},
): { result: ShallowRef<Result>; refresh: () => void } {
  const feed = useFeed()
  const list = computed((): readonly EventDefinition[] => {
    const value = toValue(definitions)
    return 'type' in value ? [value as EventDefinition] : value
  })
  // An array that is made anew with the same types is no reason to begin anew.
  const types = computed(() => list.value.map(({ type }) => type).join('\n'))
  let fold = create()
  const result = shallowRef(fold.result())
  const refresh = () => {
    result.value = fold.result()
  }
  // An object of its own only when one of both has changed.
  const source = computed(() => ({ current: feed.value, names: types.value }))
  whileMounted(source, ({ current, names }) => {
    for (const event of replay ? current.after(0, names.split('\n')) : []) fold.add(event)
    refresh()
    const stops = list.value.map((definition) =>
      current.service.on(definition, (event) => {
        fold.add(event)
        nextFrame(refresh)
      }),
    )
    return () => {
      for (const stop of stops) stop()
      cancelFrame(refresh)
      fold = create()
    }
  })
  return { result, refresh }
}
