import {
  EventHistory,
  type EventsView,
  type HistoryOption,
  type OlderEvents,
  type SelectOptions,
} from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useState } from 'react'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'
import { type EventListOptions, useEventList } from './use-event-list.js'
import type { CollectOptions } from './use-fold.js'

export interface EventHistoryOptions extends CollectOptions {
  /**
   * Number of events to keep, at least 1. The oldest make room for new ones. Those that `loadOlder` has loaded stay too, until
   * this number of events has come since it loaded. @default 100
   */
  limit?: number
  /**
   * The address of the history route, or `true` for the stream's address with `/history` added to its path. The events are those
   * of the list's `channel`; without one, of all channels that the stream asks for, or else that the route gives.
   * @default true
   */
  history?: HistoryOption
}

/**
 * The list of `useServerEvents`, with older events: `loadOlder` loads a page and adds it before the others.
 *
 * With `select`, the result is what it selects, and the component renders only when that changes.
 *
 * @throws {MissingStreamError} outside a provider
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: messages, hasOlder, loadOlder } = useEventHistory(events.message, { limit: 50 })
 */
export function useEventHistory<Definition extends EventDefinition, Selected>(
  definitions: Definition | readonly Definition[],
  options: EventHistoryOptions & SelectOptions<EventsView<EventOfDefinition<Definition>> & OlderEvents, Selected>,
): Selected
export function useEventHistory<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
  options?: EventHistoryOptions,
): EventsView<EventOfDefinition<Definition>> & OlderEvents
export function useEventHistory(
  definitions: EventDefinition | readonly EventDefinition[],
  {
    limit = 100,
    history = true,
    ...options
  }: EventHistoryOptions & EventListOptions<EventsView<BaseEvent> & OlderEvents> = {},
): unknown {
  const [older] = useState(() => new EventHistory(limit, history))
  // The list itself drops events, once it has more than its history allows.
  const { shown, list } = useEventList(definitions, older, Infinity, options, older)
  useBrowserLayoutEffect(() => older.use(limit, history))
  useBrowserLayoutEffect(() => older.attach(list), [older, list])
  return shown
}
