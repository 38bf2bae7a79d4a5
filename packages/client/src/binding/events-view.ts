import type { BaseEvent } from '@rivulet/core'
import type { ConnectionStatus } from '../connection/connection-machine.js'
import type { HistoryState } from './event-history.js'
import { lastOf } from './latest.js'

/** The latest events and the status, from which `select` selects. */
export interface EventsView<Event> {
  /** The latest events, oldest first. Replaced, never changed. */
  readonly events: readonly Event[]
  /** The last of them. */
  readonly latest: Event | undefined
  readonly status: ConnectionStatus
}

/** Views the last `limit` events of a list, and its history if it has one. */
export function viewEvents(
  kept: readonly BaseEvent[],
  limit: number,
  status: ConnectionStatus,
  older?: OlderEvents,
): EventsView<BaseEvent> {
  const events = lastOf(kept, limit)
  return { events, latest: events.at(-1), status, ...older }
}

/** The history of a list, and the call that loads a part of it. */
export interface OlderEvents extends HistoryState {
  /**
   * Loads a page of older events and adds it before the others. Does nothing if there are none. May be passed on as a function.
   *
   * @returns Settles when the page is in the list, or could not be loaded. Never rejects: see `olderError`.
   */
  readonly loadOlder: () => Promise<void>
}
