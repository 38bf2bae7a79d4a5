import type { BackplaneRegistry, NodeInfo, RegistryChange, RegistryEntry } from '@rivulet/server'
import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import type { Reconnector } from '../link/reconnector.js'
import type { Script } from '../link/script.js'
import * as scripts from './registry-scripts.js'

/** The number of entries that one call evicts. */
const batchSize = 256
/** About the number of members that one call returns. */
const pageSize = 512

/** The nodes and the members of channels, in Redis. */
export class RedisRegistry implements BackplaneRegistry {
  readonly #keys: Keys
  readonly #history: History
  readonly #reconnector: Reconnector
  /** The number of updates that Redis has of each node of this process. */
  readonly #versions = new Map<string, string>()

  constructor(keys: Keys, history: History, reconnector: Reconnector) {
    this.#keys = keys
    this.#history = history
    this.#reconnector = reconnector
  }

  #call(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<string[]> {
    const { clock, nodes } = this.#keys
    return this.#reconnector.use('presence', (link) =>
      link.call(script, [clock, nodes, ...keys], [this.#history.known, ...args]),
    )
  }

  async beat(
    node: string,
    { connections, ttlMs }: { connections: number; ttlMs: number },
  ): Promise<{
    known: boolean
    lapsed: string[]
  }> {
    const args = [node, connections, Math.ceil(ttlMs), this.#versions.get(node) ?? '']
    const [known, version, ...lapsed] = await this.#call(scripts.beat, [this.#keys.entries(node)], args)
    if (ttlMs > 0) this.#versions.set(node, version!)
    else this.#versions.delete(node)
    return { known: known === '1', lapsed }
  }

  async update(node: string, changes: readonly RegistryChange[]): Promise<boolean> {
    const keys = [this.#keys.entries(node), ...changes.map(({ channel }) => this.#keys.members(channel))]
    const args = changes.flatMap((change) => [entryOf(change), change.member ?? ''])
    const [version] = await this.#call(scripts.update, keys, [node, ...args])
    if (!version) return false
    this.#versions.set(node, version)
    return true
  }

  /** Reads in pages, so that Redis serves others in between. Members that come or leave meanwhile may be included or not. */
  async members(channel: string): Promise<RegistryEntry[]> {
    const found = new Map<string, RegistryEntry>()
    let cursor = '0'
    do {
      const [next, ...page] = await this.#call(scripts.members, [this.#keys.members(channel)], [cursor, pageSize])
      for (let index = 0; index < page.length; index += 2) {
        const field = page[index]!
        // A hash that grows or shrinks meanwhile may return a field twice.
        found.set(field, { channel, connectionId: field.slice(field.indexOf(' ') + 1), member: page[index + 1]! })
      }
      cursor = next!
    } while (cursor !== '0')
    return [...found.values()]
  }

  async count(channel: string): Promise<number> {
    const [count] = await this.#call(scripts.count, [this.#keys.members(channel)], [])
    return Number(count)
  }

  async nodes(): Promise<NodeInfo[]> {
    const reply = await this.#call(scripts.nodes, [], [])
    return pairs(reply, (id, connections) => ({ id, connections: Number(connections) }))
  }

  async evict(node: string, caller: string): Promise<RegistryEntry[]> {
    const entries = this.#keys.entries(node)
    // Another node may evict the same entries at the same time, so look again.
    for (;;) {
      const some = await this.#call(scripts.entries, [entries], [node, caller, batchSize])
      if (some.length === 0) return []
      const keys = [entries, ...some.map((entry) => this.#keys.members(channelOf(entry)))]
      const evicted = await this.#call(scripts.evict, keys, [node, caller, ...some])
      if (evicted.length > 0) return pairs(evicted, (entry, member) => ({ ...parseEntry(entry), member }))
    }
  }
}

function entryOf({ channel, connectionId }: RegistryChange): string {
  return `${connectionId} ${channel}`
}

function channelOf(entry: string): string {
  return entry.slice(entry.indexOf(' ') + 1)
}

function parseEntry(entry: string): { channel: string; connectionId: string } {
  return { channel: channelOf(entry), connectionId: entry.slice(0, entry.indexOf(' ')) }
}

function pairs<T>(reply: readonly string[], make: (one: string, other: string) => T): T[] {
  const made: T[] = []
  for (let index = 0; index < reply.length; index += 2) made.push(make(reply[index]!, reply[index + 1]!))
  return made
}
