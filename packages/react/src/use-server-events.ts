import type { ConnectionStatus } from '@rivulet/client'
import { type EventsView, latestEvents, type SelectOptions, viewEvents } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useHydrating } from './use-hydrating.js'
import { useSelected, useSelection } from './use-selection.js'

type View = EventsView<BaseEvent>

export interface ServerEventsOptions extends CollectOptions {
  /** Number of events to keep, at least 1. The oldest make room for new ones. @default 100 */
  limit?: number
}

/**
 * The latest events of one type, or of several, since the component was mounted. The component renders at most once per
 * animation frame, however many events arrive. Up to the limit, none is missing.
 *
 * With `select`, the result is what it selects from `{ events, latest, status }`, and the component renders only when that
 * changes. Components that ask for the same share one list.
 *
 * @throws {MissingStreamError} outside a provider
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 * const level = useServerEvents(events.log, { select: ({ latest }) => latest?.level })
 */
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: Definition | readonly Definition[],
  options: ServerEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>>, Selected>,
): Selected
export function useServerEvents<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  options?: ServerEventsOptions,
): EventsView<EventOfDefinition<Definition>>
export function useServerEvents(
  definitions: EventDefinition | readonly EventDefinition[],
  { limit = 100, select, equal, ...options }: ServerEventsOptions & Partial<SelectOptions<View, unknown>> = {},
): unknown {
  const { service, onStatusChange } = useBinding()
  const hydrating = useHydrating()
  const selection = useSelection<View, unknown>()
  const isNew = (kept: readonly BaseEvent[]) => selection.isNew(viewEvents(kept, limit, service.status))
  const kept = useFold(definitions, latestEvents(limit), options, select && isNew)
  const rendered = useRef<ConnectionStatus>('idle')
  const status = useSyncExternalStore<ConnectionStatus>(
    onStatusChange,
    () => (select && !isNew(kept) ? rendered.current : service.status),
    () => 'idle',
  )
  useInsertionEffect(() => {
    rendered.current = status
  })
  const newest = select && !hydrating ? service.status : status
  const view = useMemo(() => viewEvents(kept, limit, newest), [kept, limit, newest])
  return useSelected(selection, view, select && { select, equal })
}
