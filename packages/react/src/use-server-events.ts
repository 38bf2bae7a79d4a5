import type { ConnectionStatus } from '@rivulet/client'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useEffect, useSyncExternalStore } from 'react'
import { useFeed } from './context.js'
import { type ReplayOptions, useFold } from './use-fold.js'

export interface ServerEventsOptions extends ReplayOptions {
  /** How many events are kept, at least 1; the oldest make room for new ones. @default 100 */
  limit?: number
}

export interface ServerEvents<Event> {
  /** The latest events, the oldest first. Never changed, only replaced. */
  readonly events: readonly Event[]
  /** The last one. */
  readonly latest: Event | undefined
  readonly status: ConnectionStatus
}

/**
 * The latest events of a type, or of several, since the component was mounted. The component is rendered at most once per
 * animation frame, however many events came, and none of those within the limit is missing.
 *
 * @throws {MissingProviderError}
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 */
export function useServerEvents<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  { limit = 100, ...options }: ServerEventsOptions = {},
): ServerEvents<EventOfDefinition<Definition>> {
  type Event = EventOfDefinition<Definition>
  const { service, onStatusChange } = useFeed()
  const [events, latest, refresh] = useFold(definitions, () => new Latest(limit), options)
  useEffect(() => {
    if (latest.limit === limit) return
    latest.limit = limit
    refresh()
  }, [latest, limit, refresh])
  const status = useSyncExternalStore<ConnectionStatus>(
    onStatusChange,
    () => service.status,
    () => 'idle',
  )
  return { events: events as unknown as readonly Event[], latest: events.at(-1) as Event | undefined, status }
}

/** The last events, up to a limit. */
class Latest {
  limit: number
  #events: BaseEvent[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  add(event: BaseEvent): void {
    this.#events.push(event)
    // Cut at twice the limit, so that the cost of moving the rest is spread over as many events.
    if (this.#events.length > 2 * this.limit) this.#events = this.result()
  }

  result(): BaseEvent[] {
    return this.#events.slice(-Math.max(1, this.limit))
  }
}
