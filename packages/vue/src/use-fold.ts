import { type FoldRecipe, FoldView, listOf } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import {
  type ComputedRef,
  computed,
  type MaybeRefOrGetter,
  type ShallowRef,
  shallowRef,
  toValue,
  watchEffect,
} from 'vue'
import { useBinding } from './context.js'
import { rendersForServer } from './renders-for-server.js'
import { whileMounted } from './while-mounted.js'

/** Options of the composables that collect events. */
export interface CollectOptions {
  /**
   * Begins with the events that were kept (see `bufferSize`) before the component was mounted, or with what another component
   * that asks for the same already shows. The first render shows them, unless it hydrates a page from a server.
   * @default false
   */
  replay?: boolean
  /**
   * Listens only while true. While false, the component keeps what it has. When it is true again, it goes on with the next event,
   * or with `replay` with the events that were kept in between. It does not affect the connection.
   * @default true
   */
  enabled?: MaybeRefOrGetter<boolean>
  /** Selects the events of one channel. @default undefined: the events of all channels */
  channel?: MaybeRefOrGetter<string | undefined>
  /**
   * Least time between two changes because of events, in milliseconds. The first event is shown at once and the last one
   * always. 0 changes with each animation frame, or as often as the provider's `throttleMs` allows.
   * @default 0
   */
  throttleMs?: MaybeRefOrGetter<number>
}

/** The result of a fold, and the view that has it. */
export interface Folded<Result> {
  readonly result: ShallowRef<Result>
  readonly view: ComputedRef<FoldView<Result>>
}

/**
 * Folds events to a result that is replaced once per frame. Makes a new fold when the stream, the channel or the types
 * change.
 *
 * @param recipe Returns the recipe, which may depend on reactive values.
 */
export function useFold<Result>(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  recipe: () => FoldRecipe<Result>,
  { replay = false, enabled = true, channel, throttleMs = 0 }: CollectOptions = {},
): Folded<Result> {
  const binding = useBinding()
  const source = computed(() => ({ definitions: listOf(toValue(definitions)), channel: toValue(channel) }))
  // Begins at setup, not at mounting: with <Suspense>, the two may be far apart.
  const make = () => new FoldView(binding.value, source.value, recipe(), { replay, after: binding.value.received })
  let view = make()
  const result = shallowRef(rendersForServer() ? view.initial : view.result)
  // A new array with the same types keeps the view.
  const current = computed<FoldView<Result>>(() => {
    if (!view.matches(binding.value, source.value)) view = make()
    return view
  })
  watchEffect(
    () => {
      current.value.use(recipe())
      current.value.throttle(toValue(throttleMs))
    },
    { flush: 'sync' },
  )
  whileMounted(
    () => (toValue(enabled) ? current.value : undefined),
    (latest) => latest?.subscribe() ?? (() => {}),
  )
  whileMounted(current, (latest) =>
    latest.watch(result.value, (next) => {
      result.value = next
    }),
  )
  return { result, view: current }
}
