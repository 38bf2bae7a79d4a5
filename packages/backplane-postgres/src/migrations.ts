import { readFileSync } from 'node:fs'
import { ConfigurationError } from '@rivulet/server'
import { explained } from './database/errors.js'
import { isPgPool, isPostgresClient, type PostgresClient } from './database/postgres-client.js'

/** The files in the folder `migrations`, in order. Released files never change. */
const files = ['0001_rivulet.sql']

export interface MigrationOptions {
  /** The schema for the tables and functions: a name of lower-case letters, digits and underscores. @default 'rivulet' */
  schema?: string
}

/** One step that takes the tables to the next version. */
export interface Migration {
  /** The version that the tables have after it. */
  readonly version: number
  /** The name of its file in `@rivulet/backplane-postgres/migrations`. */
  readonly name: string
  readonly sql: string
}

/**
 * Returns the migrations as SQL, in order, for a tool of your own. Each may run in a transaction.
 *
 * @throws {ConfigurationError} if the schema's name is invalid.
 * @example
 * for (const { name, sql } of migrations()) await writeFile(`db/migrations/${name}`, sql)
 */
export function migrations({ schema = 'rivulet' }: MigrationOptions = {}): readonly Migration[] {
  checkSchema(schema)
  return files.map((name, index) => {
    const sql = readFileSync(new URL(`../migrations/${name}`, import.meta.url), 'utf8')
    return { version: index + 1, name, sql: sql.replaceAll(/\brivulet\b/g, schema) }
  })
}

/**
 * Creates the tables and functions, or takes them to the newest version. Does nothing if they are up to date. Several
 * processes may call it at the same time. The role needs the right to create a schema in the database; the backplane itself
 * needs less.
 *
 * @returns The version of the tables.
 * @throws {ConfigurationError} if an option is invalid.
 * @throws {PostgresUnavailableError} or {PostgresSetupError} (by rejecting): nothing was changed.
 * @example
 * await migrate(pool)
 */
export async function migrate(client: PostgresClient, options: MigrationOptions = {}): Promise<number> {
  const { schema = 'rivulet' } = options
  checkClient('client', client)
  const steps = migrations(options)
  // One simple query is one transaction, and works behind every pooler.
  const script = steps.map(({ version, sql }) => guarded(schema, version, sql)).join('\n')
  try {
    await run(client, `SELECT pg_advisory_xact_lock(hashtextextended('${schema}', 3));\n${script}`)
  } catch (error) {
    if (isReserved(error))
      throw new ConfigurationError('schema', schema, 'Postgres reserves this name. Choose another one.')
    throw explained('migrate', error, schema)
  }
  return steps.length
}

/** Recognizes the errors for names that begin with `pg_`, and (with the script being right otherwise) for key words. */
function isReserved(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === '42939' || code === '42601'
}

/** Wraps a step so that it runs only if the tables have an earlier version. */
function guarded(schema: string, version: number, sql: string): string {
  const tag = `$step_${version}$`
  return `DO ${tag} DECLARE present integer := 0; BEGIN
    IF to_regclass('${schema}.state') IS NOT NULL THEN SELECT version INTO present FROM ${schema}.state; END IF;
    IF present < ${version} THEN EXECUTE $sql_${version}$${sql}$sql_${version}$; END IF;
  END ${tag};`
}

async function run(client: PostgresClient, sql: string): Promise<void> {
  if (!isPgPool(client)) {
    await client.unsafe(sql)
    return
  }
  const connection = await client.connect()
  try {
    await connection.query(sql)
  } finally {
    connection.release()
  }
}

/** @throws {ConfigurationError} */
export function checkSchema(schema: unknown): void {
  const others = schema === 'public' || schema === 'information_schema'
  if (typeof schema === 'string' && /^[a-z_][a-z0-9_]{0,40}$/.test(schema) && !others) return
  if (others)
    throw new ConfigurationError('schema', schema, 'Pass a name for a schema of its own: migrations change its rights.')
  const fix = 'Pass a name of at most 41 lower-case letters, digits and underscores that does not begin with a digit.'
  throw new ConfigurationError('schema', schema, fix)
}

/** @throws {ConfigurationError} */
export function checkClient(option: string, client: unknown): void {
  if (!isPostgresClient(client)) {
    const fix = 'Pass a Pool of "pg" (not a single Client), or the client of "postgres".'
    throw new ConfigurationError(option, client, fix)
  }
  if (isPgPool(client) && (client.options?.max ?? Infinity) < 2) {
    const fix = 'Give the pool at least two connections (max): one listens for events as long as the backplane is open.'
    throw new ConfigurationError(option, client.options?.max, fix)
  }
}
