import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteBackplane } from '@rivulet/backplane-sqlite'
import type { EventType } from '@rivulet/core'
import type { Backplane } from '@rivulet/server'
import { connectBackplane } from '@rivulet/server/ipc'
import Database from 'libsql'
import type { events } from '../shared/events.js'

/**
 * Number of events of each kind that a returning client can still get, however old: half an hour of
 * metrics.
 */
const keptEvents: Record<EventType<typeof events>, number> = {
  log: 2_000,
  scraping_progress: 100,
  system: 200,
  metrics: 1_800,
}

export interface History {
  readonly backplane: Backplane
  close(): void | Promise<void>
}

/**
 * Opens the history of events, which outlives the server: a page that was open before a restart misses nothing.
 *
 * @param folder Created if it is missing.
 * @throws {SqliteStoreError} if another server uses it, for example.
 */
export function openHistory(folder: string): History {
  mkdirSync(folder, { recursive: true })
  const database = new Database(join(folder, 'events.db'))
  const retention = (channel: string) => ({
    maxEvents: keptEvents[channel as EventType<typeof events>],
    maxAgeMs: Infinity,
  })
  const backplane = new SqliteBackplane({ database, retention })
  return {
    backplane,
    close() {
      backplane.close()
      database.close()
    },
  }
}

/** Uses the history that another process of this machine has opened and serves. */
export async function connectHistory(path: string): Promise<History> {
  const backplane = await connectBackplane({ path })
  return { backplane, close: () => backplane.close() }
}
