import { backplaneChecks } from '@rivulet/testing/backplane'
import pg from 'pg'
import postgres from 'postgres'
import { inject, it, onTestFinished } from 'vitest'
import { migrate, PostgresBackplane, type PostgresBackplaneOptions, type PostgresClient } from '../src/index.js'

/** The address of the server that all tests share. */
export const url: string = inject('postgresUrl')
/** False where PostgreSQL is not installed. */
export const installed: boolean = url !== ''

let schemas = 0

/** A pool of either package, with what tests need of it. */
export interface TestPool {
  readonly client: PostgresClient
  /** Runs a statement. */
  query(text: string): Promise<Record<string, unknown>[]>
  end(): Promise<void>
}

export const pools: Readonly<Record<'pg' | 'postgres', (address: string) => TestPool>> = {
  pg(address) {
    const pool = new pg.Pool({ connectionString: address, max: 20 })
    pool.on('error', () => {})
    pool.on('connect', (connection) => connection.on('error', () => {}))
    return { client: pool, query: async (text) => (await pool.query(text)).rows, end: () => pool.end() }
  },
  postgres(address) {
    const sql = postgres(address, { max: 20, onnotice: () => {} })
    return { client: sql, query: async (text) => [...(await sql.unsafe(text))], end: () => sql.end({ timeout: 1 }) }
  },
}

/** Empties a schema, as after its migration. */
async function clear(pool: Pick<TestPool, 'query'> | pg.Pool, schema: string): Promise<void> {
  const tables = ['events', 'trims', 'keys', 'outbox', 'nodes', 'members', 'runs']
  const deletions = tables.map((table) => `DELETE FROM ${schema}.${table}`)
  const origin = `origin = ${schema}.take_positions(1), dropped = 0, floor = 0, live_floor = 0`
  await pool.query([...deletions, `UPDATE ${schema}.state SET ${origin}`].join('; '))
}

/** Registers the published checks for a client. `owner` empties the schema after each. */
export function checkBackplane(client: PostgresClient, schema: string, owner: Pick<TestPool, 'query'> | pg.Pool): void {
  const checks = backplaneChecks(async ({ retention }) => {
    const [one, other] = [1, 2].map(() => new PostgresBackplane({ client, schema, retention }))
    return {
      one: one!,
      other: other!,
      async dispose() {
        one!.close()
        other!.close()
        await clear(owner, schema)
      },
    }
  })
  for (const { name, run } of checks) it(name, { timeout: 120_000 }, run)
}

/** A schema of its own for one test. */
export class Scene {
  readonly schema: string = `rivulet_${process.pid}_${++schemas}`
  readonly pool: pg.Pool
  readonly #backplanes: PostgresBackplane[] = []

  private constructor(address: string) {
    this.pool = new pg.Pool({ connectionString: address, max: 20, application_name: this.schema })
    this.pool.on('error', () => {})
  }

  static async create(address: string = url): Promise<Scene> {
    const scene = new Scene(address)
    onTestFinished(() => scene.dispose())
    await migrate(scene.pool, { schema: scene.schema })
    return scene
  }

  node(options: Partial<PostgresBackplaneOptions> = {}): PostgresBackplane {
    const backplane = new PostgresBackplane({ client: this.pool, schema: this.schema, ...options })
    this.#backplanes.push(backplane)
    return backplane
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, string>[]> {
    return (await this.pool.query(text.replaceAll('rivulet.', `${this.schema}.`), values)).rows
  }

  /** The number of statements that wait for the lock of the positions. */
  async waiting(): Promise<number> {
    const lock = `(classid::bigint << 32 | objid::bigint) = hashtextextended('${this.schema}', 0)`
    return (await this.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND ${lock}`)).length
  }

  /** Begins a transaction. */
  async begin(isolation = 'READ COMMITTED'): Promise<Transaction> {
    const client = await this.pool.connect()
    await client.query(`BEGIN ISOLATION LEVEL ${isolation}`)
    const end = async (command: string) => {
      try {
        await client.query(command)
      } finally {
        client.release()
      }
    }
    return { client, commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
  }

  async dispose(): Promise<void> {
    if (this.pool.ending) return
    for (const backplane of this.#backplanes) backplane.close()
    await this.pool.query(`DROP SCHEMA IF EXISTS ${this.schema} CASCADE`).catch(() => {})
    await this.pool.end()
  }
}

/** An open transaction of `pg`. */
export interface Transaction {
  readonly client: pg.PoolClient
  commit(): Promise<void>
  rollback(): Promise<void>
}
