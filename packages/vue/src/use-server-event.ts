import type { EventHandler } from '@rivulet/client'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, toValue } from 'vue'
import { useFeed } from './context.js'
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
  const feed = useFeed()
  const source = computed(() => ({ current: feed.value, type: toValue(definition) }))
  whileMounted(source, ({ current, type }) => current.on(type, handler))
}
