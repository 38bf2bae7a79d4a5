import type { Server } from 'node:http'
import type { TickPayload } from '../server/event.js'

/** One node of a server library, reduced to the needs of the benchmark. */
export interface ClusterSubject {
  /** Answers the requests to this server. */
  attach(server: Server): void
  /** Number of this node's clients that receive published events. */
  connections(): number
  /** Publishes to the one channel that all clients of all nodes have. */
  publish(payload: TickPayload): unknown
}

/** @param redisPort `undefined` for a single node. */
export type CreateClusterSubject = (redisPort: number | undefined) => ClusterSubject

export function requiredPort(port: number | undefined): number {
  if (port === undefined) throw new Error('This subject is measured with Redis only.')
  return port
}
