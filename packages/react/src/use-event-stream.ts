import type { EventStreamService } from '@rivulet/client'
import type { EventContract } from '@rivulet/core'
import { useBinding } from './context.js'

/**
 * Stream of the nearest provider. Its `on` and `events` infer their types from a definition. To use event names
 * instead, name the contract: `useEventStream<typeof events>()`.
 *
 * @throws {MissingStreamError} outside a provider
 */
export function useEventStream<Contract extends EventContract = EventContract>(): EventStreamService<Contract> {
  return useBinding().service as unknown as EventStreamService<Contract>
}
