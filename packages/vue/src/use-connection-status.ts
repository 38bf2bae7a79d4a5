import type { ConnectionState, ConnectionStatus } from '@rivulet/client'
import { idleState } from '@rivulet/client/binding'
import { type ComputedRef, computed, type ShallowRef, shallowRef } from 'vue'
import { rendersForServer } from './renders-for-server.js'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

export interface ConnectionStatusResult {
  /** All that is known of the connection. Never changed, only replaced. */
  readonly state: Readonly<ShallowRef<ConnectionState>>
  readonly status: ComputedRef<ConnectionStatus>
  /** Tries now instead of waiting, also where the stream is closed. */
  reconnect(): void
}

/**
 * What the connection is doing.
 *
 * @throws {MissingStreamError}
 */
export function useConnectionStatus(): ConnectionStatusResult {
  const stream = useEventStream()
  const state = shallowRef(rendersForServer() ? idleState : stream.value.state)
  whileMounted(stream, (service) => {
    state.value = service.state
    return service.onStatusChange((next) => {
      state.value = next
    })
  })
  return { state, status: computed(() => state.value.status), reconnect: () => stream.value.reconnect() }
}
