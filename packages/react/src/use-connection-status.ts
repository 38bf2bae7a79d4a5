import type { ConnectionState } from '@rivulet/client'
import { idleState } from '@rivulet/client/binding'
import { useMemo, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'

export interface ConnectionStatusResult extends ConnectionState {
  /** Tries now instead of waiting. Opens a closed stream again. */
  reconnect(): void
}

/**
 * State of the connection, and `reconnect`. The same object until the state changes.
 *
 * @throws {MissingStreamError} outside a provider
 */
export function useConnectionStatus(): ConnectionStatusResult {
  const { service, onStatusChange } = useBinding()
  const state = useSyncExternalStore(
    onStatusChange,
    () => service.state,
    () => idleState,
  )
  return useMemo(() => ({ ...state, reconnect: () => service.reconnect() }), [state, service])
}
