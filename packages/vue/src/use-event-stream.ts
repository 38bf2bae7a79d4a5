import type { EventStreamService } from '@rivulet/client'
import type { EventContract } from '@rivulet/core'
import { type ComputedRef, computed } from 'vue'
import { useBinding } from './context.js'

/**
 * Stream of the nearest provider, or else of the plugin. It is a ref because a provider creates a new stream when its options
 * change.
 *
 * @throws {MissingStreamError} without a provider or plugin
 */
export function useEventStream<Contract extends EventContract = EventContract>(): ComputedRef<
  EventStreamService<Contract>
> {
  const binding = useBinding()
  return computed(() => binding.value.service as unknown as EventStreamService<Contract>)
}
