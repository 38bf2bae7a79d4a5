import type { Server } from 'node:http'
import type { TickPayload } from '../server/event.js'

/** One node of a server library, reduced to what the benchmark needs of it. */
export interface ClusterSubject {
  /** Answers what comes to this server. */
  attach(server: Server): void
  /** How many clients of this node get what is published. */
  connections(): number
  /** Publishes to the one channel that all clients of all nodes have. */
  publish(payload: TickPayload): unknown
}

/** @param redisPort `undefined`: there is one node only. */
export type CreateClusterSubject = (redisPort: number | undefined) => ClusterSubject

export function requiredPort(port: number | undefined): number {
  if (port === undefined) throw new Error('This subject is measured with Redis only.')
  return port
}
