import { idleSnapshot } from '../connection/stream-link.js'
import type { ConnectionState } from '../connection-state.js'

/** State of a stream that has never connected. Render it on a server and while hydrating. */
export const idleState: ConnectionState = { ...idleSnapshot, lastEventId: '', lastActivityAt: undefined }
