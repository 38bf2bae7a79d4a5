import type { EventStreamService } from '@rivulet/client'
import type { EventContract } from '@rivulet/core'
import { type ComputedRef, computed } from 'vue'
import { useFeed } from './context.js'

/**
 * The stream of the nearest provider, or of the plugin: a ref, as a provider makes a new one where its URL changes.
 *
 * @throws {MissingStreamError}
 */
export function useEventStream<Contract extends EventContract = EventContract>(): ComputedRef<
  EventStreamService<Contract>
> {
  const feed = useFeed()
  return computed(() => feed.value.service as unknown as EventStreamService<Contract>)
}
