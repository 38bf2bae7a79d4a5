import type { ConnectionStatus } from '@rivulet/client'
import { Latest, lastOf } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useInsertionEffect, useMemo, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'
import { type ReplayOptions, useFold } from './use-fold.js'

export interface ServerEventsOptions extends ReplayOptions {
  /** Number of events to keep, at least 1. The oldest make room for new ones. @default 100 */
  limit?: number
}

export interface ServerEvents<Event> {
  /** The latest events, oldest first. Replaced, never changed. */
  readonly events: readonly Event[]
  /** The last of them. */
  readonly latest: Event | undefined
  readonly status: ConnectionStatus
}

/**
 * The latest events of one type, or of several, since the component was mounted. The component renders at most once per
 * animation frame, however many events arrive. Up to the limit, none is missing.
 *
 * @throws {MissingStreamError} outside a provider
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 */
export function useServerEvents<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  { limit = 100, ...options }: ServerEventsOptions = {},
): ServerEvents<EventOfDefinition<Definition>> {
  type Event = EventOfDefinition<Definition>
  const { service, onStatusChange } = useBinding()
  const [kept, fold] = useFold<readonly BaseEvent[], Latest>(definitions, () => new Latest(limit), options)
  useInsertionEffect(() => fold.resize(limit), [fold, limit])
  const events = useMemo(() => lastOf(kept, limit) as readonly unknown[] as readonly Event[], [kept, limit])
  const status = useSyncExternalStore<ConnectionStatus>(
    onStatusChange,
    () => service.status,
    () => 'idle',
  )
  return { events, latest: events.at(-1), status }
}
