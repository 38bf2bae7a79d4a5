import type { ConnectionState, ConnectionStatus } from '@rivulet/client'
import { idleState } from '@rivulet/client/binding'
import { type ComputedRef, computed, type ShallowRef, shallowRef } from 'vue'
import { rendersForServer } from './renders-for-server.js'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

export interface ConnectionStatusResult {
  /** Everything known about the connection. Replaced, never changed. */
  readonly state: Readonly<ShallowRef<ConnectionState>>
  readonly status: ComputedRef<ConnectionStatus>
  /** Tries now instead of waiting. Opens a closed stream again. */
  reconnect(): void
}

/**
 * State of the connection as refs, and `reconnect`.
 *
 * @throws {MissingStreamError} without a provider or plugin
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
