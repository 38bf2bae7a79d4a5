import { statSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Clock } from '@rivulet/core'
import { currentBoot, isSameBoot } from './boot.js'
import { claim, fileOf, overtaken, release } from './claim.js'
import { SqliteStoreError, storeError } from './errors.js'
import { Positions } from './positions.js'
import { migrate, migrations, versionOf } from './schema.js'
import { numberOf, type Row, type SqliteDatabase, type SqliteValue, type Statement } from './sqlite-database.js'

export interface StoreOptions {
  readonly database: SqliteDatabase
  readonly synchronous: 'normal' | 'full'
  readonly clock: Pick<Clock, 'now'>
}

/** The size to which the write-ahead log shrinks after a reader made it grow, in bytes: a few times its usual size. */
const walBytes = 16_777_216

/** One database with the tables of this package, claimed by this process. */
export class Store {
  readonly positions: Positions
  /** Nothing is known before this position. */
  readonly origin: number
  /** The highest last position of a channel that was dropped. Uncommitted changes are undone by `reset`. */
  dropped: number
  readonly #database: SqliteDatabase
  readonly #synchronous: StoreOptions['synchronous']
  /** Identifies this writer, together with its process. */
  readonly #since: number = Date.now()
  readonly #path: string | undefined
  readonly #identity: string | undefined
  readonly #statements = new Map<string, Statement>()
  #committedDropped: number
  #closed = false

  /** @throws {SqliteStoreError} if the database cannot be used. Nothing was changed then. */
  constructor({ database, synchronous, clock }: StoreOptions) {
    this.#database = database
    this.#synchronous = synchronous
    try {
      claim(database)
    } catch (error) {
      throw storeError('open', error)
    }
    try {
      const mode = database.prepare('PRAGMA journal_mode = WAL').get() as Row
      if (mode.journal_mode !== 'wal' && mode.journal_mode !== 'memory') {
        throw new SqliteStoreError('unwritable', 'open', `journal_mode = WAL was refused (${mode.journal_mode}).`)
      }
      // This row must be there after a power failure, to notice that there was one.
      database.exec('PRAGMA synchronous = FULL')
      const opened = this.#open(synchronous, clock)
      this.positions = opened.positions
      this.origin = opened.origin
      this.dropped = opened.dropped
      this.#committedDropped = opened.dropped
      database.exec(`PRAGMA synchronous = ${synchronous}`)
      database.prepare(`PRAGMA journal_size_limit = ${walBytes}`).get()
      this.#path = fileOf(database)
      this.#identity = this.#path && identityOf(this.#path)
    } catch (error) {
      release(database)
      throw storeError('open', error)
    }
  }

  #open(synchronous: StoreOptions['synchronous'], clock: Pick<Clock, 'now'>) {
    return this.transaction(() => {
      const database = this.#database
      const version = versionOf(database)
      migrate(database, version)
      const row = database.prepare('SELECT * FROM rivulet_state').get() as Row | undefined
      const known = row && {
        position: numberOf(row.position),
        horizon: numberOf(row.horizon),
        origin: numberOf(row.origin),
        dropped: numberOf(row.dropped),
      }
      const positions = new Positions(clock, known)
      const boot = currentBoot()
      // With NORMAL, a crash of the machine takes the last events, even if a client has them.
      const lost = row !== undefined && numberOf(row.open) === 1 && !isSameBoot(String(row.boot), boot)
      const origin = known && !lost ? known.origin : positions.next()
      const dropped = known?.dropped ?? origin
      const open = synchronous === 'full' ? 2 : 1
      positions.horizon = positions.nextHorizon()
      const { last, horizon } = positions
      const writer = [process.pid, hostname(), this.#since] as const
      const sql = 'REPLACE INTO rivulet_state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
      this.run(sql, migrations.length, origin, last, horizon, dropped, open, boot, ...writer)
      return { positions, origin, dropped }
    })
  }

  /** Prepares a statement once. */
  #statement(sql: string): Statement {
    if (this.#closed) throw new SqliteStoreError('closed', 'write')
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#database.prepare(sql) as Statement
      this.#statements.set(sql, statement)
    }
    return statement
  }

  run(sql: string, ...values: SqliteValue[]): unknown {
    return this.#statement(sql).run(...values)
  }

  get(sql: string, ...values: SqliteValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined
  }

  all(sql: string, ...values: SqliteValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[]
  }

  /** Runs a function in a transaction: everything that it writes is stored, or nothing. */
  transaction<T>(write: () => T): T {
    this.run('BEGIN')
    try {
      const result = write()
      this.run('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #rollBack(): void {
    try {
      this.run('ROLLBACK')
    } catch {
      // SQLite has done so itself, as it does where the disk is full.
    }
  }

  /**
   * Runs a function in a transaction that also stores the horizon and the last position.
   *
   * @throws {SqliteStoreError} `moved` or `in-use` if the next process would not find the written events.
   */
  commit(write: () => void): void {
    if (this.#path !== undefined && identityOf(this.#path) !== this.#identity) {
      throw new SqliteStoreError('moved', 'write')
    }
    const { positions } = this
    const horizon = positions.nextHorizon()
    // A power failure must not take the horizon: the clock may go back with it.
    const flushes = horizon > positions.horizon && this.#synchronous === 'normal'
    if (flushes) this.#database.exec('PRAGMA synchronous = FULL')
    try {
      this.transaction(() => {
        write()
        this.#savePositions(horizon)
      })
    } finally {
      if (flushes) this.#database.exec('PRAGMA synchronous = NORMAL')
    }
    positions.horizon = horizon
    this.#committedDropped = this.dropped
  }

  #savePositions(horizon: number): void {
    const { positions, dropped } = this
    const sql = 'UPDATE rivulet_state SET position = ?, horizon = ?, dropped = ? WHERE pid = ? AND since = ?'
    const { changes } = this.run(sql, positions.last, horizon, dropped, process.pid, this.#since) as {
      changes: unknown
    }
    if (numberOf(changes) === 0) throw overtaken(this.#database)
  }

  /** Undoes changes in memory after a transaction that failed. */
  reset(): void {
    this.dropped = this.#committedDropped
  }

  /** Returns a position made from the time, which no later event has. */
  clock(): number {
    const { positions } = this
    if (positions.nextHorizon() > positions.horizon) {
      try {
        this.commit(() => {})
      } catch {
        // The horizon bounds the result. The failure shows at the next publish.
      }
    }
    return positions.pass()
  }

  /** Ends the claim. Leaves the database open and the connection's settings unchanged. */
  close(): void {
    if (this.#closed) return
    const { last } = this.positions
    try {
      this.#database.exec('PRAGMA synchronous = FULL')
      const sql = 'UPDATE rivulet_state SET position = ?, horizon = ?, open = 0 WHERE pid = ? AND since = ?'
      this.run(sql, last, last, process.pid, this.#since)
      // Leaves one whole file, unless somebody else reads it now.
      this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
    } finally {
      this.#closed = true
      this.#statements.clear()
      release(this.#database)
    }
  }
}

/** Identifies the file at a path; `undefined` if there is none. */
function identityOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.dev} ${stats.ino}`
}
