import type { ConnectionState } from '../event-stream-service.js'

/** What a server knows of the connection, and so how a page begins that comes from one. */
export const idleState: ConnectionState = {
  status: 'idle',
  attempt: 0,
  retryAt: undefined,
  error: undefined,
  recovered: undefined,
  gap: undefined,
  lastEventId: '',
  lastActivityAt: undefined,
}
