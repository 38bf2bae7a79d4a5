import { cancelFrame, type Feed, nextFrame } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, type ShallowRef, shallowRef, toValue } from 'vue'
import { useFeed } from './context.js'
import { rendersForServer } from './renders-for-server.js'
import { whileMounted } from './while-mounted.js'

export interface ReplayOptions {
  /**
   * Whether to begin with the events that were kept (see `bufferSize`) from before the component was mounted. They are
   * there at its first render, except where that has to match a page that came from a server.
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
  const start = () => (replay ? 0 : feed.value.position)
  // Setup and mounting are two moments: under <Suspense> a long time may lie between them.
  let from = start()
  let fold: Fold<Result>
  const begin = (current: Feed, names: string) => {
    fold = create()
    for (const event of current.after(from, names.split('\n'))) fold.add(event)
    return fold.result()
  }
  const result = shallowRef(rendersForServer() ? create().result() : begin(feed.value, types.value))
  const refresh = () => {
    result.value = fold.result()
  }
  // An object of its own only when one of both has changed.
  const source = computed(() => ({ current: feed.value, names: types.value }))
  whileMounted(source, ({ current, names }) => {
    result.value = begin(current, names)
    const stops = list.value.map((definition) =>
      current.service.on(definition, (event) => {
        fold.add(event)
        nextFrame(refresh)
      }),
    )
    return () => {
      for (const stop of stops) stop()
      cancelFrame(refresh)
      from = start()
    }
  })
  return { result, refresh }
}
