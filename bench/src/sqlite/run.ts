import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteBackplane, type SqliteDatabase } from '@rivulet/backplane-sqlite'
import { type Backplane, MemoryBackplane } from '@rivulet/server'
import { cpu } from '../measured-process.js'

interface OpenDatabase extends SqliteDatabase {
  prepare(sql: string): { run(...values: unknown[]): unknown; get(): unknown; all(): unknown[] }
  close(): unknown
}

type Burst = () => Promise<unknown> | undefined

const burstEvents = 50
const data = JSON.stringify({ level: 'info', message: 'x'.repeat(150 - 30) })
/** The budget: a publish may take this times a publish in memory and a bare insert together. */
const budget = 1.3

/** `npm run bench -- sqlite`: CPU of a kept publish of 150 B, in bursts of 50, beside a bare insert with the same driver. */
export async function runSqlite({ quick }: { quick: boolean }): Promise<void> {
  const [bursts, rounds] = quick ? [20, 1] : [1_000, 9]
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-bench-'))
  console.log(`\nKept publishes of ${data.length} B in bursts of ${burstEvents}, CPU per event, median of ${rounds}:`)
  try {
    for (const [driver, open] of Object.entries(drivers())) {
      const [own, bare] = [open(join(folder, `${driver}.db`)), open(join(folder, `${driver}-bare.db`))]
      const backplane = new SqliteBackplane({ database: own })
      const subjects = { memory: publishes(new MemoryBackplane()), bare: inserts(bare), sqlite: publishes(backplane) }
      const times = { memory: [] as number[], bare: [] as number[], sqlite: [] as number[] }
      // In turns, so that a change of the machine concerns all of them. The first round warms up.
      for (let round = 0; round <= rounds; round++) {
        for (const name of ['memory', 'bare', 'sqlite'] as const) {
          const time = await measure(subjects[name], bursts)
          if (round > 0) times[name].push(time)
        }
      }
      backplane.close()
      own.close()
      bare.close()
      const [memory, insert, sqlite] = [median(times.memory), median(times.bare), median(times.sqlite)]
      const ratio = sqlite / (memory + insert)
      const figures = `memory ${memory.toFixed(2)} µs, bare insert ${insert.toFixed(2)} µs, SqliteBackplane ${sqlite.toFixed(2)} µs`
      console.log(`  ${driver}: ${figures}: ${ratio.toFixed(2)} × their sum (budget ${budget})`)
      if (!quick && ratio > budget) process.exitCode = 1
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The drivers that this machine has. */
function drivers(): Record<string, (path: string) => OpenDatabase> {
  const load = createRequire(import.meta.url)
  const classes: Record<string, () => new (path: string) => OpenDatabase> = {
    libsql: () => load('libsql'),
    'better-sqlite3': () => load('better-sqlite3'),
    'node:sqlite': () => load('node:sqlite').DatabaseSync,
  }
  const found: Record<string, (path: string) => OpenDatabase> = {}
  for (const [name, read] of Object.entries(classes)) {
    try {
      const Database = read()
      new Database(':memory:').close()
      found[name] = (path) => new Database(path)
    } catch {
      console.log(`  ${name}: not installed`)
    }
  }
  return found
}

function publishes(backplane: Backplane): Burst {
  return () => {
    const published: unknown[] = []
    for (let event = 0; event < burstEvents; event++) {
      published.push(backplane.publish('default', { type: 'log', data }, { retain: true }))
    }
    return Promise.all(published)
  }
}

function inserts(database: OpenDatabase): Burst {
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec('CREATE TABLE events (position INTEGER PRIMARY KEY, data TEXT)')
  const [begin, insert, commit] = ['BEGIN', 'INSERT INTO events VALUES (?, ?)', 'COMMIT'].map((sql) =>
    database.prepare(sql),
  )
  let position = 0
  return () => {
    begin!.run()
    for (let event = 0; event < burstEvents; event++) insert!.run(++position, data)
    commit!.run()
    return undefined
  }
}

/** @returns Microseconds of CPU per event, kernel and all threads included. */
async function measure(burst: Burst, bursts: number): Promise<number> {
  const start = cpu()
  for (let count = 0; count < bursts; count++) await burst()
  return (cpu() - start) / bursts / burstEvents
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1]!
}
