import type { EventStreamService } from '@rivulet/client'
import type { EventContract } from '@rivulet/core'
import { useFeed } from './context.js'

/**
 * The stream of the nearest provider. `on` and `events` are typed by the definition that they are given; name the contract
 * (`useEventStream<typeof events>()`) to use the names of its events instead.
 *
 * @throws {MissingProviderError}
 */
export function useEventStream<Contract extends EventContract = EventContract>(): EventStreamService<Contract> {
  return useFeed().service as unknown as EventStreamService<Contract>
}
