import { discover } from './discovery.js'
import type { NodeRedisClient, NodeRedisCluster } from './redis-client.js'

interface Emitter {
  once(event: 'connect' | 'error', listener: () => void): Emitter
}

interface Primary {
  readonly client?: NodeRedisClient & Emitter
}

interface Duplicate {
  readonly slots: readonly { readonly master: Primary }[]
  on(event: 'error', listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
  nodeClient(primary: Primary): Promise<unknown>
  destroy(): void
}

/** Asks a cluster for the primary of a slot, and returns a client like the one that the user's client would use there. */
export function nodeRedisSlotPrimary(
  client: NodeRedisCluster,
  slot: number,
  timeoutMs: number,
): Promise<NodeRedisClient> {
  // It connects to one node of the cluster, for the table of slots, and to no other.
  const duplicate = client.duplicate({ minimizeConnections: true, clientSideCache: undefined }) as Duplicate
  // The failed call rejects as well.
  duplicate.on('error', () => {})
  const open = () => duplicate.connect()
  let untilSettled = Promise.resolve()
  const close = () => void untilSettled.then(() => duplicate.destroy())
  return discover({ open, close }, timeoutMs, () => {
    const primary = duplicate.slots[slot]?.master
    if (!primary) throw new Error(`The cluster has no primary for slot ${slot}.`)
    // This creates the client at once, which is all that we need, and connects it too.
    duplicate.nodeClient(primary).catch(() => {})
    const found = primary.client!
    untilSettled = settled(found)
    return found.duplicate() as NodeRedisClient
  })
}

/** Resolves when the client has a socket or failed: a client that is destroyed earlier leaks the socket that it then gets. */
function settled(client: Emitter): Promise<void> {
  return new Promise((resolve) => void client.once('connect', resolve).once('error', resolve))
}
