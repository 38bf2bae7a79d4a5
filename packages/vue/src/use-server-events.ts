import type { ConnectionStatus } from '@rivulet/client'
import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, type ShallowRef, toValue, watch } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { type ReplayOptions, useFold } from './use-fold.js'

export interface ServerEventsOptions extends ReplayOptions {
  /** How many events are kept, at least 1; the oldest make room for new ones. @default 100 */
  limit?: MaybeRefOrGetter<number>
}

export interface ServerEvents<Event> {
  /** The latest events, the oldest first. Never changed, only replaced. */
  readonly events: Readonly<ShallowRef<readonly Event[]>>
  /** The last one. */
  readonly latest: ComputedRef<Event | undefined>
  readonly status: ComputedRef<ConnectionStatus>
}

/**
 * The latest events of a type, or of several, since the component was mounted. They are replaced at most once per animation
 * frame, however many events came, and none of those within the limit is missing.
 *
 * @throws {MissingStreamError}
 */
export function useServerEvents<Definition extends EventDefinition>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  { limit: limitSource = 100, ...options }: ServerEventsOptions = {},
): ServerEvents<EventOfDefinition<Definition>> {
  type Event = EventOfDefinition<Definition>
  const limit = () => Math.max(1, toValue(limitSource))
  const create = () => {
    let events: BaseEvent[] = []
    const result = () => events.slice(-limit())
    const add = (event: BaseEvent) => {
      events.push(event)
      // Cut at twice the limit, so that the cost of moving the rest is spread over as many events.
      if (events.length > 2 * limit()) events = result()
    }
    return { add, result }
  }
  const { result, refresh } = useFold(definitions, create, options)
  watch(limit, refresh, { flush: 'sync' })
  const events = result as unknown as ShallowRef<readonly Event[]>
  const { status } = useConnectionStatus()
  return { events, latest: computed(() => events.value.at(-1)), status }
}
