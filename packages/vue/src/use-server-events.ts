import type { ConnectionStatus } from '@rivulet/client'
import { Latest, lastOf } from '@rivulet/client/binding'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, toValue, watch } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { type ReplayOptions, useFold } from './use-fold.js'

export interface ServerEventsOptions extends ReplayOptions {
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
 * @throws {MissingStreamError} without a provider or plugin
 */
export function useServerEvents<Definition extends EventDefinition>(
  definitions: MaybeRefOrGetter<Definition | readonly Definition[]>,
  { limit: limitSource = 100, ...options }: ServerEventsOptions = {},
): ServerEvents<EventOfDefinition<Definition>> {
  type Event = EventOfDefinition<Definition>
  const limit = () => toValue(limitSource)
  let fold!: Latest
  const create = () => {
    fold = new Latest(limit())
    return fold
  }
  const kept = useFold(definitions, create, options)
  watch(limit, (latest) => fold.resize(latest), { flush: 'sync' })
  const events = computed(() => lastOf(kept.value, limit()) as readonly unknown[] as readonly Event[])
  const { status } = useConnectionStatus()
  return { events, latest: computed(() => events.value.at(-1)), status }
}
