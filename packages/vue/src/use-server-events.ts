import type { ConnectionStatus } from '@rivulet/client'
import {
  EventHistory,
  type EventsView,
  type HistoryOption,
  latestEvents,
  type OlderEvents,
  type SelectOptions,
  viewEvents,
} from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, shallowRef, toValue, watchEffect } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useSelected } from './use-selected.js'
import { whileMounted } from './while-mounted.js'

type View = EventsView<BaseEvent> & OlderEvents

export interface ServerEventsOptions extends CollectOptions {
  /**
   * Number of events to keep, at least 1. The oldest make room for new ones. With `history`, those that `loadOlder` has loaded
   * stay too, until this number of events has come since it loaded. @default 100
   */
  limit?: MaybeRefOrGetter<number>
}

/** Options of a list that loads older events. */
export interface HistoryEventsOptions extends ServerEventsOptions {
  /**
   * Lets the list load older events: `true` from the stream's address with `/history` added to its path, or from another
   * address. They are those of the list's `channel`; without one, of all channels that the stream asks for, or else that the
   * route gives.
   */
  history: MaybeRefOrGetter<HistoryOption>
}

export interface ServerEvents<Event> {
  /** The latest events, oldest first. Replaced, never changed. */
  readonly events: ComputedRef<readonly Event[]>
  /** The last of them. */
  readonly latest: ComputedRef<Event | undefined>
  readonly status: ComputedRef<ConnectionStatus>
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
 * The latest events of one type, or of several, since the component was mounted. The refs change at most once per
 * animation frame, however many events come. Up to the limit, none is missing.
 *
 * With `history`, the list also has `loadOlder`, which adds older events before the others.
 *
 * With `select`, the result is one ref of what it selects from `{ events, latest, status }`, which changes only with that.
 * Components that ask for the same share one list, unless it has a `history`.
 *
 * @throws {MissingStreamError} without a provider or plugin
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 * const level = useServerEvents(events.log, { select: ({ latest }) => latest?.level })
 * const { events: messages, hasOlder, loadOlder } = useServerEvents(events.message, { history: true })
 */
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options: HistoryEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>> & OlderEvents, Selected>,
): ComputedRef<Selected>
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options: ServerEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>>, Selected>,
): ComputedRef<Selected>
export function useServerEvents<Definition extends EventDefinition>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options: HistoryEventsOptions,
): HistoryEvents<EventOfDefinition<Definition>>
export function useServerEvents<Definition extends EventDefinition>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options?: ServerEventsOptions,
): ServerEvents<EventOfDefinition<Definition>>
export function useServerEvents(
  definitions: MaybeRefOrGetter<EventDefinition | readonly EventDefinition[]>,
  {
    limit = 100,
    select,
    equal,
    history,
    ...options
  }: ServerEventsOptions & { history?: MaybeRefOrGetter<HistoryOption> } & Partial<SelectOptions<View, unknown>> = {},
): ComputedRef<unknown> | ServerEvents<BaseEvent> {
  const option = () => toValue(history) ?? false
  const older = new EventHistory(toValue(limit), option())
  const { result: kept, view: fold } = useFold(
    definitions,
    () => (option() === false ? latestEvents(toValue(limit)) : older),
    options,
  )
  watchEffect(() => older.use(toValue(limit), option()), { flush: 'sync' })
  const owner = computed(() => (option() === false ? undefined : fold.value))
  const state = shallowRef(older.stateOf(owner.value))
  whileMounted(owner, (view) => {
    const show = () => {
      state.value = older.stateOf(owner.value)
    }
    const stops = [older.watch(show), view ? older.attach(view) : () => {}]
    show()
    return () => {
      for (const stop of stops) stop()
    }
  })
  const fields = computed(() => history !== undefined && { ...state.value, loadOlder: older.loadOlder })
  const { status } = useConnectionStatus()
  // With a history, the list itself drops events.
  const bound = computed(() => (owner.value ? Infinity : toValue(limit)))
  const view = computed(() => viewEvents(kept.value, bound.value, status.value, fields.value || undefined) as View)
  if (select) return useSelected(() => view.value, { select, equal })
  const events = computed(() => view.value.events)
  const list = { events, latest: computed(() => view.value.latest), status }
  if (history === undefined) return list
  return {
    ...list,
    hasOlder: computed(() => state.value.hasOlder),
    loadingOlder: computed(() => state.value.loadingOlder),
    olderError: computed(() => state.value.olderError),
    trimmed: computed(() => state.value.trimmed),
    loadOlder: older.loadOlder,
  } as HistoryEvents<BaseEvent>
}
