import { type EventsView, latestEvents, type SelectOptions } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type AddedFields, type EventListOptions, useEventList } from './use-event-list.js'
import type { CollectOptions } from './use-fold.js'

export interface ServerEventsOptions extends CollectOptions {
  /** Number of events to keep, at least 1. The oldest make room for new ones. @default 100 */
  limit?: number
}

const nothing: AddedFields<undefined> = { watch: () => () => {}, stateOf: () => undefined }

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
  { limit = 100, ...options }: ServerEventsOptions & EventListOptions<EventsView<BaseEvent>> = {},
): unknown {
  return useEventList(definitions, latestEvents(limit), limit, options, nothing).shown
}
