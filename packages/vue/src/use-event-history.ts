import {
  EventHistory,
  type EventsView,
  type HistoryOption,
  type OlderEvents,
  type SelectOptions,
  viewEvents,
} from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, shallowRef, toValue, watchEffect } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useSelected } from './use-selected.js'
import type { ServerEvents } from './use-server-events.js'
import { whileMounted } from './while-mounted.js'

export interface EventHistoryOptions extends CollectOptions {
  /**
   * Number of events to keep, at least 1. The oldest make room for new ones. Those that `loadOlder` has loaded stay too, until
   * this number of events has come since it loaded. @default 100
   */
  limit?: MaybeRefOrGetter<number>
  /**
   * The address of the history route, or `true` for the stream's address with `/history` added to its path. The events are those
   * of the list's `channel`; without one, of all channels that the stream asks for, or else that the route gives.
   * @default true
   */
  history?: MaybeRefOrGetter<HistoryOption>
}

/** A list that loads older events. */
export interface HistoryEvents<Event> extends ServerEvents<Event> {
  /** There may be older events: `true` until the server has said that it keeps none. */
  readonly hasOlder: ComputedRef<boolean>
  /** A request is under way. */
  readonly loadingOlder: ComputedRef<boolean>
  /** Error of the last request. `undefined` once another one begins. */
  readonly olderError: ComputedRef<unknown>
  /** The server keeps no older events, but once did, or may have. */
  readonly trimmed: ComputedRef<boolean>
  /**
   * Loads a page of older events and adds it before the others. Does nothing if there are none. May be passed on as a function.
   *
   * @returns Settles when the page is in the list, or could not be loaded. Never rejects: see `olderError`.
   */
  readonly loadOlder: () => Promise<void>
}

/**
 * The list of `useServerEvents`, with older events: `loadOlder` loads a page and adds it before the others.
 *
 * With `select`, the result is one ref of what it selects, which changes only with that.
 *
 * @throws {MissingStreamError} without a provider or plugin
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: messages, hasOlder, loadOlder } = useEventHistory(events.message, { limit: 50 })
 */
export function useEventHistory<Definition extends EventDefinition, Selected>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options: EventHistoryOptions & SelectOptions<EventsView<EventOfDefinition<Definition>> & OlderEvents, Selected>,
): ComputedRef<Selected>
export function useEventHistory<Definition extends EventDefinition>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options?: EventHistoryOptions,
): HistoryEvents<EventOfDefinition<Definition>>
export function useEventHistory(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  {
    limit = 100,
    select,
    equal,
    history = true,
    ...options
  }: EventHistoryOptions & Partial<SelectOptions<EventsView<BaseEvent> & OlderEvents, unknown>> = {},
): ComputedRef<unknown> | HistoryEvents<BaseEvent> {
  const older = new EventHistory(toValue(limit), toValue(history))
  const { result: kept, view: owner } = useFold(definitions, () => older, options)
  watchEffect(() => older.use(toValue(limit), toValue(history)), { flush: 'sync' })
  const state = shallowRef(older.stateOf(owner.value))
  whileMounted(owner, (view) => {
    const show = () => {
      state.value = older.stateOf(owner.value)
    }
    const stops = [older.watch(show), older.attach(view)]
    show()
    return () => {
      for (const stop of stops) stop()
    }
  })
  const { status } = useConnectionStatus()
  // The list itself drops events, once it has more than its history allows.
  const view = computed(() => ({ ...viewEvents(kept.value, Infinity, status.value), ...state.value }))
  if (select) return useSelected(() => view.value, { select, equal })
  return {
    events: computed(() => view.value.events),
    latest: computed(() => view.value.latest),
    status,
    hasOlder: computed(() => state.value.hasOlder),
    loadingOlder: computed(() => state.value.loadingOlder),
    olderError: computed(() => state.value.olderError),
    trimmed: computed(() => state.value.trimmed),
    loadOlder: older.loadOlder,
  }
}
