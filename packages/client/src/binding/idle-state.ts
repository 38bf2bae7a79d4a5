import { idleSnapshot } from '../connection.js'
import type { ConnectionState } from '../event-stream-service.js'

/** What a server knows of the connection, and so how a page begins that comes from one. */
export const idleState: ConnectionState = { ...idleSnapshot, lastEventId: '', lastActivityAt: undefined }
