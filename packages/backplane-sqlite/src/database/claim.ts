import { problemOf, SqliteStoreError } from './errors.js'
import { numberOf, type Row, type SqliteDatabase } from './sqlite-database.js'

const name = 'rivulet_writer'
/** Time that the previous writer has to leave, in milliseconds. */
const waitMs = 1_000
/** Databases with a backplane in this process. */
const claimed = new WeakSet<SqliteDatabase>()

/**
 * Makes this connection the only one with a backplane on its file, until `release` or the end of the process.
 *
 * The claim is a lock of the operating system on a second, empty database beside the first (`FILE-writer`). It
 * ends with its process, however that dies, and other programs can still read the events, for example to back them up.
 *
 * @throws {SqliteStoreError} `in-use` if another process has it.
 */
export function claim(database: SqliteDatabase): void {
  if (claimed.has(database)) throw inUse(undefined)
  const path = fileOf(database)
  if (path !== undefined) lock(database, path)
  claimed.add(database)
}

/** The error of a backplane whose claim is void: someone deleted the file of the lock, and another backplane took it. */
export function overtaken(database: SqliteDatabase): SqliteStoreError {
  return new SqliteStoreError('in-use', 'write', writerOf(database))
}

export function release(database: SqliteDatabase): void {
  claimed.delete(database)
  try {
    if (fileOf(database) !== undefined) database.exec(`DETACH ${name}`)
  } catch {
    // The application has closed the database, which ended the claim.
  }
}

/** Returns the path of a database, or `undefined` for one in memory. */
export function fileOf(database: SqliteDatabase): string | undefined {
  return (attached(database, 'main')?.file as string | undefined) || undefined
}

function attached(database: SqliteDatabase, schema: string): Row | undefined {
  const rows = database.prepare('PRAGMA database_list').all() as Row[]
  return rows.find((row) => row.name === schema)
}

function lock(database: SqliteDatabase, path: string): void {
  database.exec(`PRAGMA busy_timeout = ${waitMs}`)
  try {
    // An earlier claim could not be ended, within a transaction of the application.
    if (attached(database, name)) database.exec(`DETACH ${name}`)
    database.exec(`ATTACH '${path.replaceAll("'", "''")}-writer' AS ${name}`)
    try {
      // In this mode, a connection keeps the lock that a write needs.
      database.exec(`PRAGMA ${name}.locking_mode = EXCLUSIVE`)
      database.exec(`PRAGMA ${name}.user_version = 1`)
    } catch (error) {
      database.exec(`DETACH ${name}`)
      throw error
    }
  } catch (error) {
    if (problemOf(error) === 'locked') throw inUse(writerOf(database), error)
    throw error
  } finally {
    // Waiting here would block the process. The backplane waits by itself.
    database.exec('PRAGMA busy_timeout = 0')
  }
}

/** Reads the name of the process that has the file. */
function writerOf(database: SqliteDatabase): string | undefined {
  try {
    const row = database.prepare('SELECT pid, host, since FROM rivulet_state').get() as Row
    const since = new Date(numberOf(row.since)).toISOString()
    return `process ${numberOf(row.pid)} on ${row.host} has written to this file since ${since}.`
  } catch {
    return undefined
  }
}

function inUse(writer: string | undefined, cause?: unknown): SqliteStoreError {
  return new SqliteStoreError('in-use', 'open', writer, { cause })
}
