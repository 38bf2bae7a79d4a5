import { discover } from './discovery.js'
import type { NodeRedisClient, NodeRedisSentinel } from './redis-client.js'

interface Duplicate {
  on(event: 'error', listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
  destroy(): Promise<void>
  /** Calls the action with the client of the primary itself. */
  _execute<T>(isReadonly: boolean, action: (client: NodeRedisClient) => Promise<T>): Promise<T>
}

/** Asks the sentinels of a node-redis client for the primary, and returns a client like the one that it would use there. */
export function nodeRedisPrimary(client: NodeRedisSentinel, timeoutMs: number): Promise<NodeRedisClient> {
  const duplicate = client.duplicate({
    // One attempt: the reconnector tries again.
    maxCommandRediscovers: 0,
    scanInterval: 0,
    masterPoolSize: 1,
    replicaPoolSize: 0,
    reserveClient: false,
    clientSideCache: undefined,
  }) as Duplicate
  // The failed call rejects as well.
  duplicate.on('error', () => {})
  const open = () => duplicate.connect()
  const close = () => void duplicate.destroy().catch(() => {})
  return discover({ open, close }, timeoutMs, () =>
    duplicate._execute(false, async (primary) => primary.duplicate() as NodeRedisClient),
  )
}
