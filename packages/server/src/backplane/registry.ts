import type { Awaitable } from '../runtime/awaitable.js'

/** One stream on one channel, as its node tells the others. */
export interface RegistryEntry {
  readonly channel: string
  /** Unique over all nodes; without spaces. */
  readonly connectionId: string
  /** One text, opaque to the registry; not empty. */
  readonly member: string
}

/** An entry that comes, or (without `member`) one that goes. */
export interface RegistryChange {
  readonly channel: string
  readonly connectionId: string
  readonly member: string | undefined
}

/** A node that lives. */
export interface NodeInfo {
  readonly id: string
  /** How many streams it had open when it last said so. */
  readonly connections: number
}

/**
 * What the nodes on one backplane tell one another: which of them live, and who is on which channel.
 *
 * Each node writes only of itself. What it wrote holds as long as it goes on beating; who has not beaten for its time is
 * taken for dead, and another node evicts its entries. A registry MUST
 * - show no entry of a node that is taken for dead,
 * - tell a node that it is unknown (`false`) wherever it may not have all that the node wrote,
 * - give each evicted entry to one caller alone.
 */
export interface BackplaneRegistry {
  /** Says that a node lives for `ttlMs` more (0: it leaves), with so many streams. */
  beat(
    node: string,
    state: { readonly connections: number; readonly ttlMs: number },
  ): Awaitable<{
    /** Whether all that the node wrote is there. If not, it evicts itself and writes everything anew. */
    readonly known: boolean
    /** Other nodes that are taken for dead and have not been evicted entirely. */
    readonly lapsed: readonly string[]
  }>
  /** Writes some of a node's changes, all or none. Returns whether the node is known; if not, nothing was written. */
  update(node: string, changes: readonly RegistryChange[]): Awaitable<boolean>
  /** The entries of a channel. Where they are many, who comes or leaves while they are read may be among them or not. */
  members(channel: string): Awaitable<readonly RegistryEntry[]>
  /** How many entries a channel has. Without this they are read and counted. */
  count?(channel: string): Awaitable<number>
  /** The nodes that live. */
  nodes(): Awaitable<readonly NodeInfo[]>
  /** Removes some entries of a node and gives them back; of another node than the caller only if it is taken for dead. None: all are gone. */
  evict(node: string, caller: string): Awaitable<readonly RegistryEntry[]>
}

/** One stream on one channel, as the key of a map. */
export function entryKey({ channel, connectionId }: { channel: string; connectionId: string }): string {
  return `${connectionId} ${channel}`
}
