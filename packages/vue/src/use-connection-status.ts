import type { ConnectionState, ConnectionStatus } from '@rivulet/client'
import { type ComputedRef, computed, type ShallowRef, shallowRef } from 'vue'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

export interface ConnectionStatusResult {
  /** All that is known of the connection. Never changed, only replaced. */
  readonly state: Readonly<ShallowRef<ConnectionState>>
  readonly status: ComputedRef<ConnectionStatus>
  /** Tries now instead of waiting, also where the stream is closed. */
  reconnect(): void
}

/** What a server knows of the connection, and so how a page begins that comes from one. */
const idle: ConnectionState = {
  status: 'idle',
  attempt: 0,
  retryAt: undefined,
  error: undefined,
  recovered: undefined,
  gap: undefined,
  lastEventId: '',
  lastActivityAt: undefined,
}

/**
 * What the connection is doing.
 *
 * @throws {MissingStreamError}
 */
export function useConnectionStatus(): ConnectionStatusResult {
  const stream = useEventStream()
  const state = shallowRef(idle)
  whileMounted(stream, (service) => {
    state.value = service.state
    return service.onStatusChange((next) => {
      state.value = next
    })
  })
  return { state, status: computed(() => state.value.status), reconnect: () => stream.value.reconnect() }
}
