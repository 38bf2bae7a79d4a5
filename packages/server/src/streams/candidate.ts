import type { Connection } from '../delivery/connection.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'

/** A stream as disconnects see it: as it is, or as it will be after a change of its channels. */
export interface Candidate extends ConnectionInfo {
  readonly admittedPosition: number
}

/** A connection as it will be with other channels. */
export function withChannels(connection: Connection, channels: readonly string[]): Candidate {
  const { id, context, key, connectedAt, state, bufferedBytes, admittedPosition } = connection
  return { id, channels, context, key, connectedAt, state, bufferedBytes, admittedPosition }
}
