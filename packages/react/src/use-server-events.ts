import type { ConnectionStatus } from '@rivulet/client'
import {
  EventHistory,
  type EventsView,
  type FoldView,
  type HistoryOption,
  initialHistory,
  latestEvents,
  type OlderEvents,
  type SelectOptions,
  viewEvents,
} from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useHydrating } from './use-hydrating.js'
import { useSelected, useSelection } from './use-selection.js'

type View = EventsView<BaseEvent> & OlderEvents
type Kept = readonly BaseEvent[]

export interface ServerEventsOptions extends CollectOptions {
  /**
   * Number of events to keep, at least 1. The oldest make room for new ones. With `history`, those that `loadOlder` has loaded
   * stay too, until this number of events has come since it loaded. @default 100
   */
  limit?: number
}

/** Options of a list that loads older events. */
export interface HistoryEventsOptions extends ServerEventsOptions {
  /**
   * Lets the list load older events: `true` from the stream's address with `/history` added to its path, or from another
   * address. They are those of the list's `channel`; without one, of all channels that the stream asks for, or else that the
   * route gives.
   */
  history: HistoryOption
}

/**
 * The latest events of one type, or of several, since the component was mounted. The component renders at most once per
 * animation frame, however many events arrive. Up to the limit, none is missing.
 *
 * With `history`, the list also has `loadOlder`, which adds older events before the others.
 *
 * With `select`, the result is what it selects from `{ events, latest, status }`, and the component renders only when that
 * changes. Components that ask for the same share one list, unless it has a `history`.
 *
 * @throws {MissingStreamError} outside a provider
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 * const level = useServerEvents(events.log, { select: ({ latest }) => latest?.level })
 * const { events: messages, hasOlder, loadOlder } = useServerEvents(events.message, { history: true })
 */
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: Definition | readonly Definition[],
  options: HistoryEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>> & OlderEvents, Selected>,
): Selected
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: Definition | readonly Definition[],
  options: ServerEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>>, Selected>,
): Selected
export function useServerEvents<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  options: HistoryEventsOptions,
): EventsView<EventOfDefinition<Definition>> & OlderEvents
export function useServerEvents<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  options?: ServerEventsOptions,
): EventsView<EventOfDefinition<Definition>>
export function useServerEvents(
  definitions: EventDefinition | readonly EventDefinition[],
  {
    limit = 100,
    select,
    equal,
    history,
    ...options
  }: ServerEventsOptions & { history?: HistoryOption } & Partial<SelectOptions<View, unknown>> = {},
): unknown {
  const { service, onStatusChange } = useBinding()
  const hydrating = useHydrating()
  const selection = useSelection<View, unknown>()
  const [older] = useState(() => new EventHistory(limit, history ?? false))
  const given = history !== undefined
  const loads = given && history !== false
  const isNew = (kept: Kept, view: FoldView<Kept>) => {
    const fields = !given ? undefined : { ...older.stateOf(view), loadOlder: older.loadOlder }
    return selection.isNew(viewEvents(kept, bound, service.status, fields) as View)
  }
  // The list itself drops events, once it has more than its history allows.
  const bound = loads ? Infinity : limit
  const { result: kept, view } = useFold(definitions, loads ? older : latestEvents(limit), options, select && isNew)
  const shownView = loads ? view : undefined
  const state = useSyncExternalStore(
    older.watch,
    () => older.stateOf(shownView),
    () => (loads ? initialHistory : older.stateOf(undefined)),
  )
  useBrowserLayoutEffect(() => older.use(limit, history ?? false))
  useBrowserLayoutEffect(() => shownView && older.attach(shownView), [older, shownView])
  const rendered = useRef<ConnectionStatus>('idle')
  const status = useSyncExternalStore<ConnectionStatus>(
    onStatusChange,
    () => (select && !isNew(kept, view) ? rendered.current : service.status),
    () => 'idle',
  )
  useInsertionEffect(() => {
    rendered.current = status
  })
  const newest = select && !hydrating ? service.status : status
  const fields = useMemo(() => (given ? { ...state, loadOlder: older.loadOlder } : undefined), [given, state, older])
  const shown = useMemo(() => viewEvents(kept, bound, newest, fields) as View, [kept, bound, newest, fields])
  return useSelected(selection, shown, select && { select, equal })
}
