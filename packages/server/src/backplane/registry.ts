import type { Awaitable } from '../runtime/awaitable.js'

// The contract of the registry: the streams of all nodes. A node that stops renewing its entry is evicted.

/** One stream on one channel, as its node registered it. */
export interface RegistryEntry {
  readonly channel: string
  /** Unique over all nodes, without spaces. */
  readonly connectionId: string
  /** A non-empty string, opaque to the registry. */
  readonly member: string
}

/** An entry to add, or (without `member`) to remove. */
export interface RegistryChange {
  readonly channel: string
  readonly connectionId: string
  readonly member: string | undefined
}

/** A live node. */
export interface NodeInfo {
  readonly id: string
  /** Its number of open streams at its last heartbeat. */
  readonly connections: number
}

/**
 * The live nodes of a backplane, and the streams on each channel.
 *
 * Each node writes only its own entries. They hold while the node sends heartbeats. A node that misses its time is taken
 * for dead, and another node evicts its entries. A registry MUST
 * - show no entry of a node that is taken for dead,
 * - answer that a node is unknown (`false`) whenever it may lack some of the node's entries,
 * - return each evicted entry to one caller only.
 */
export interface BackplaneRegistry {
  /** Keeps a node alive for `ttlMs` more milliseconds (0: it leaves), with its number of open streams. */
  beat(
    node: string,
    state: { readonly connections: number; readonly ttlMs: number },
  ): Awaitable<{
    /** The registry has all of the node's entries. If false, the node evicts itself and writes all of them again. */
    readonly known: boolean
    /** Other nodes that are taken for dead and still have entries. */
    readonly lapsed: readonly string[]
  }>
  /** Writes changes of a node, all or none. @returns False if the node is unknown: nothing was written. */
  update(node: string, changes: readonly RegistryChange[]): Awaitable<boolean>
  /** Reads the entries of a channel. Streams that join or leave during the read may be included or not. */
  members(channel: string): Awaitable<readonly RegistryEntry[]>
  /** Counts the entries of a channel. Without this method they are read and counted. */
  count?(channel: string): Awaitable<number>
  /** Lists the live nodes. */
  nodes(): Awaitable<readonly NodeInfo[]>
  /**
   * Removes some entries of a node. A caller may evict itself, or a node that is taken for dead.
   *
   * @returns The removed entries; none if no entry is left.
   */
  evict(node: string, caller: string): Awaitable<readonly RegistryEntry[]>
}

/** The map key of an entry. */
export function entryKey({ channel, connectionId }: { channel: string; connectionId: string }): string {
  return `${connectionId} ${channel}`
}
