import { copyFileSync, existsSync } from 'node:fs'
import type { OpenDatabase } from './drivers.js'

/** Copies a database with its write-ahead log. */
export function copyDatabase(from: string, to: string): void {
  for (const end of ['', '-wal']) {
    if (existsSync(from + end)) copyFileSync(from + end, to + end)
  }
}

/** Calls `onFlush` after each commit that waited for the disk: a power failure takes everything later. */
export function watchFlushes(database: OpenDatabase, onFlush: () => void): OpenDatabase {
  let waits = false
  return {
    exec(sql) {
      database.exec(sql)
      const mode = /^PRAGMA synchronous = (\w+)/.exec(sql)?.[1]
      if (mode) waits = mode.toUpperCase() === 'FULL'
    },
    prepare(sql) {
      const statement = database.prepare(sql)
      if (sql !== 'COMMIT') return statement
      return {
        run() {
          const result = statement.run()
          if (waits) onFlush()
          return result
        },
        get: () => statement.get(),
        all: () => statement.all(),
      }
    },
    close: () => database.close(),
  }
}
