import type { ConnectionState } from '@rivulet/client'
import { idleState } from '@rivulet/client/binding'
import { useMemo, useSyncExternalStore } from 'react'
import { useFeed } from './context.js'

export interface ConnectionStatusResult extends ConnectionState {
  /** Tries now instead of waiting, also where the stream is closed. */
  reconnect(): void
}

/**
 * What the connection is doing. The same object as long as nothing happens.
 *
 * @throws {MissingProviderError}
 */
export function useConnectionStatus(): ConnectionStatusResult {
  const { service, onStatusChange } = useFeed()
  const state = useSyncExternalStore(
    onStatusChange,
    () => service.state,
    () => idleState,
  )
  return useMemo(() => ({ ...state, reconnect: () => service.reconnect() }), [state, service])
}
