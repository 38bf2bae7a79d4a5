import type { EventHandler } from '@rivulet/client'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, toValue } from 'vue'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

/**
 * Calls the handler with every event of a type, at once, while the component is mounted. What it throws goes to the
 * stream's `onError`.
 *
 * @throws {MissingStreamError}
 */
export function useServerEvent<Definition extends EventDefinition>(
  definition: MaybeRefOrGetter<Definition>,
  handler: EventHandler<EventOfDefinition<Definition>>,
): void {
  const stream = useEventStream()
  const source = computed(() => ({ service: stream.value, type: toValue(definition) }))
  whileMounted(source, ({ service, type }) => service.on(type, handler))
}
