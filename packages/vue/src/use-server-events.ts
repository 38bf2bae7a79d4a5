import type { ConnectionStatus } from '@rivulet/client'
import { type EventsView, latestEvents, type SelectOptions, viewEvents } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, toValue } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { type CollectOptions, useFold } from './use-fold.js'
import { useSelected } from './use-selected.js'

export interface ServerEventsOptions extends CollectOptions {
  /** Number of events to keep, at least 1. The oldest make room for new ones. @default 100 */
  limit?: MaybeRefOrGetter<number>
}

export interface ServerEvents<Event> {
  /** The latest events, oldest first. Replaced, never changed. */
  readonly events: ComputedRef<readonly Event[]>
  /** The last of them. */
  readonly latest: ComputedRef<Event | undefined>
  readonly status: ComputedRef<ConnectionStatus>
}

/**
 * The latest events of one type, or of several, since the component was mounted. The refs change at most once per
 * animation frame, however many events come. Up to the limit, none is missing.
 *
 * With `select`, the result is one ref of what it selects from `{ events, latest, status }`, which changes only with that.
 * Components that ask for the same share one list.
 *
 * @throws {MissingStreamError} without a provider or plugin
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { events: lines, status } = useServerEvents(events.log, { limit: 500 })
 * const level = useServerEvents(events.log, { select: ({ latest }) => latest?.level })
 */
export function useServerEvents<Definition extends EventDefinition, Selected>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  options: ServerEventsOptions & SelectOptions<EventsView<EventOfDefinition<Definition>>, Selected>,
): ComputedRef<Selected>
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
    ...options
  }: ServerEventsOptions & Partial<SelectOptions<EventsView<BaseEvent>, unknown>> = {},
): ComputedRef<unknown> | ServerEvents<BaseEvent> {
  const { result: kept } = useFold(definitions, () => latestEvents(toValue(limit)), options)
  const { status } = useConnectionStatus()
  const view = computed(() => viewEvents(kept.value, toValue(limit), status.value))
  if (select) return useSelected(() => view.value, { select, equal })
  return { events: computed(() => view.value.events), latest: computed(() => view.value.latest), status }
}
