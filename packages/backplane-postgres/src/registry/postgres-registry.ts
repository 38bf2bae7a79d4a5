import type { BackplaneRegistry, NodeInfo, RegistryChange, RegistryEntry } from '@rivulet/server'
import type { Database } from '../database/database.js'
import { fromText, toText } from '../database/text.js'

/** Entries that one eviction returns. */
const maxRows = 500

/** The registry of all nodes, in the database. */
export class PostgresRegistry implements BackplaneRegistry {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async beat(
    node: string,
    { connections, ttlMs }: { readonly connections: number; readonly ttlMs: number },
  ): Promise<{ known: boolean; lapsed: string[] }> {
    const rows = await this.#database.call('presence', 'beat', toText(node), connections, ttlMs)
    return { known: rows[0]!.known === 'true', lapsed: rows.slice(1).map(({ lapsed }) => fromText(lapsed!)) }
  }

  async update(node: string, changes: readonly RegistryChange[]): Promise<boolean> {
    // The last change of an entry counts.
    const last = new Map(changes.map((change) => [JSON.stringify([change.channel, change.connectionId]), change]))
    const entries = [...last.values()].map(({ channel, connectionId, member }) => {
      return { c: toText(channel), i: toText(connectionId), m: member === undefined ? undefined : toText(member) }
    })
    const added = entries.filter(({ m }) => m !== undefined)
    const removed = entries.filter(({ m }) => m === undefined)
    const values = [toText(node), JSON.stringify(added), JSON.stringify(removed)]
    const [row] = await this.#database.call('presence', 'update_members', ...values)
    return row!.update_members === 'true'
  }

  async members(channel: string): Promise<RegistryEntry[]> {
    const rows = await this.#database.call('presence', 'list_members', toText(channel))
    return rows.map((row) => {
      return { channel, connectionId: fromText(row.connection_id!), member: fromText(row.member!) }
    })
  }

  async count(channel: string): Promise<number> {
    const [row] = await this.#database.call('presence', 'count_members', toText(channel))
    return Number(row!.count_members)
  }

  async nodes(): Promise<NodeInfo[]> {
    const rows = await this.#database.call('presence', 'list_nodes')
    return rows.map(({ id, connections }) => ({ id: fromText(id!), connections: Number(connections) }))
  }

  async evict(node: string, caller: string): Promise<RegistryEntry[]> {
    const rows = await this.#database.call('presence', 'evict', toText(node), toText(caller), maxRows)
    return rows.map((row) => ({
      channel: fromText(row.channel!),
      connectionId: fromText(row.connection_id!),
      member: fromText(row.member!),
    }))
  }
}
