import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SqliteDatabase } from '../src/index.js'

/** An open database that the test closes. */
export interface OpenDatabase extends SqliteDatabase {
  close(): unknown
}

/** A driver; `open` is `undefined` if it is not installed, or if this Node.js does not have it. */
export interface Driver {
  readonly name: string
  readonly open: ((path: string) => OpenDatabase) | undefined
}

type DatabaseClass = new (path: string) => OpenDatabase

const load = createRequire(import.meta.url)

function driver(name: string, read: () => DatabaseClass): Driver {
  try {
    const Database = read()
    // A binary for another Node.js is loaded only now.
    new Database(':memory:').close()
    return { name, open: (path) => new Database(path) }
  } catch {
    return { name, open: undefined }
  }
}

/** Loaded here and not by Vite, which does not know all of them. `better-sqlite3` needs a compiler, and so is no dependency. */
export const drivers: readonly Driver[] = [
  driver('libsql', () => load('libsql') as DatabaseClass),
  driver('node:sqlite', () => (load('node:sqlite') as { DatabaseSync: DatabaseClass }).DatabaseSync),
  driver('better-sqlite3', () => load('better-sqlite3') as DatabaseClass),
]

/** Opens a database of the driver that is always there. */
export const open: (path: string) => OpenDatabase = drivers[0]!.open!

/** A folder for database files. */
export class TemporaryFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'rivulet-sqlite-'))

  file(name = 'events.db'): string {
    return join(this.path, name)
  }

  dispose(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
