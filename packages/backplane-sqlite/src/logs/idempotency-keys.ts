import type { PublishResult } from '@rivulet/server'
import { numberOf } from '../database/sqlite-database.js'
import type { Store } from '../database/store.js'

/** The results of recent publishes, by idempotency key. */
export class IdempotencyKeys {
  readonly #store: Store
  readonly #windowMs: number

  constructor(store: Store, windowMs: number) {
    this.#store = store
    this.#windowMs = windowMs
  }

  get(channel: string, key: string): PublishResult | undefined {
    const sql = 'SELECT position FROM rivulet_keys WHERE channel = ? AND key = ? AND at > ?'
    const row = this.#store.get(sql, channel, key, this.#oldest())
    if (!row) return undefined
    return { position: row.position === null ? undefined : numberOf(row.position), duplicate: true }
  }

  set(channel: string, key: string, position: number | undefined): void {
    const at = Math.floor(this.#store.positions.now())
    this.#store.run('REPLACE INTO rivulet_keys VALUES (?, ?, ?, ?)', channel, key, position ?? null, at)
  }

  /** Forgets expired keys, at most `limit` of them. @returns Their number. */
  expire(limit: number): number {
    const sql =
      'DELETE FROM rivulet_keys WHERE rowid IN (SELECT rowid FROM rivulet_keys WHERE at <= ? ORDER BY at LIMIT ?) RETURNING 1'
    return this.#store.all(sql, this.#oldest(), limit).length
  }

  #oldest(): number {
    return Math.max(0, Math.floor(this.#store.positions.now() - this.#windowMs))
  }
}
