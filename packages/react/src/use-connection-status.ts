import type { ConnectionState } from '@rivulet/client'
import { useMemo, useSyncExternalStore } from 'react'
import { useFeed } from './context.js'

export interface ConnectionStatusResult extends ConnectionState {
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
 * What the connection is doing. The same object as long as nothing happens.
 *
 * @throws {MissingProviderError}
 */
export function useConnectionStatus(): ConnectionStatusResult {
  const { service, onStatusChange } = useFeed()
  const state = useSyncExternalStore(
    onStatusChange,
    () => service.state,
    () => idle,
  )
  return useMemo(() => ({ ...state, reconnect: () => service.reconnect() }), [state, service])
}
