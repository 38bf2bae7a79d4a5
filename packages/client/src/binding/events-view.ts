import type { BaseEvent } from '@rivulet/core'
import type { ConnectionStatus } from '../connection/connection-machine.js'
import { lastOf } from './latest.js'

/** The latest events and the status, from which `select` selects. */
export interface EventsView<Event> {
  /** The latest events, oldest first. Replaced, never changed. */
  readonly events: readonly Event[]
  /** The last of them. */
  readonly latest: Event | undefined
  readonly status: ConnectionStatus
}

/** Views the last `limit` events of a list. */
export function viewEvents(kept: readonly BaseEvent[], limit: number, status: ConnectionStatus): EventsView<BaseEvent> {
  const events = lastOf(kept, limit)
  return { events, latest: events.at(-1), status }
}
