import { discover } from './discovery.js'
import type { IoredisClient, IoredisCluster } from './redis-client.js'

interface Node extends IoredisClient {
  readonly options: { readonly host?: string; readonly port?: number }
}

interface Duplicate {
  /** Per slot the `host:port` of its primary, then those of its replicas. */
  readonly slots: readonly (readonly string[])[]
  on(event: 'error', listener: (error: Error) => void): unknown
  connect(): Promise<void>
  nodes(role: 'master'): Node[]
  disconnect(): void
}

/** Asks a cluster for the primary of a slot, and returns a client like the one that the user's client would use there. */
export function ioredisSlotPrimary(client: IoredisCluster, slot: number, timeoutMs: number): Promise<IoredisClient> {
  const duplicate = client.duplicate([], {
    lazyConnect: true,
    enableReadyCheck: false,
    shardedSubscribers: false,
    slotsRefreshTimeout: timeoutMs,
    slotsRefreshInterval: undefined,
    // One attempt: the reconnector tries again.
    clusterRetryStrategy: () => null,
  }) as Duplicate
  // The failed call rejects as well.
  duplicate.on('error', () => {})
  const open = () => duplicate.connect()
  const close = () => duplicate.disconnect()
  return discover({ open, close }, timeoutMs, () => {
    const address = duplicate.slots[slot]?.[0]
    const primary = duplicate.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address)
    if (!primary) throw new Error(`The cluster has no primary for slot ${slot}.`)
    return primary
  })
}
