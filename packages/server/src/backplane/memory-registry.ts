import { type BackplaneRegistry, entryKey, type NodeInfo, type RegistryChange, type RegistryEntry } from './registry.js'

interface Node {
  expiresAt: number
  connections: number
  /** By `entryKey`. */
  readonly entries: Map<string, RegistryEntry>
}

/** The registry of one process, and the reference for every other registry. */
export class MemoryRegistry implements BackplaneRegistry {
  readonly #now: () => number
  readonly #nodes = new Map<string, Node>()
  readonly #channels = new Map<string, Map<string, { readonly node: Node; readonly entry: RegistryEntry }>>()

  constructor(now: () => number) {
    this.#now = now
  }

  beat(
    id: string,
    { connections, ttlMs }: { connections: number; ttlMs: number },
  ): { known: boolean; lapsed: string[] } {
    const now = this.#now()
    const node = this.#nodes.get(id)
    const known = node !== undefined && node.expiresAt > now
    const lapsed = [...this.#nodes].filter(([other, { expiresAt }]) => other !== id && expiresAt <= now)
    if (ttlMs === 0 && !node?.entries.size) this.#nodes.delete(id)
    else if (node) Object.assign(node, { expiresAt: now + ttlMs, connections })
    else this.#nodes.set(id, { expiresAt: now + ttlMs, connections, entries: new Map() })
    return { known, lapsed: lapsed.map(([other]) => other) }
  }

  update(id: string, changes: readonly RegistryChange[]): boolean {
    const node = this.#nodes.get(id)
    if (!node || node.expiresAt <= this.#now()) return false
    for (const { channel, connectionId, member } of changes) {
      if (member === undefined) this.#remove(node, channel, connectionId)
      else this.#add(node, { channel, connectionId, member })
    }
    return true
  }

  #add(node: Node, entry: RegistryEntry): void {
    const { channel, connectionId } = entry
    node.entries.set(entryKey(entry), entry)
    let members = this.#channels.get(channel)
    if (!members) {
      members = new Map()
      this.#channels.set(channel, members)
    }
    members.set(connectionId, { node, entry })
  }

  #remove(node: Node, channel: string, connectionId: string): void {
    if (!node.entries.delete(entryKey({ channel, connectionId }))) return
    const members = this.#channels.get(channel)!
    members.delete(connectionId)
    if (members.size === 0) this.#channels.delete(channel)
  }

  members(channel: string): RegistryEntry[] {
    const now = this.#now()
    const members = [...(this.#channels.get(channel)?.values() ?? [])]
    return members.filter(({ node }) => node.expiresAt > now).map(({ entry }) => entry)
  }

  count(channel: string): number {
    return this.members(channel).length
  }

  nodes(): NodeInfo[] {
    const now = this.#now()
    const alive = [...this.#nodes].filter(([, { expiresAt }]) => expiresAt > now)
    return alive.map(([id, { connections }]) => ({ id, connections }))
  }

  evict(id: string, caller: string): RegistryEntry[] {
    const node = this.#nodes.get(id)
    if (!node || (id !== caller && node.expiresAt > this.#now())) return []
    const entries = [...node.entries.values()]
    for (const { channel, connectionId } of entries) this.#remove(node, channel, connectionId)
    if (id !== caller) this.#nodes.delete(id)
    return entries
  }
}
