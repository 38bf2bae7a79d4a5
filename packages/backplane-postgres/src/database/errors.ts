import { RivuletError } from '@rivulet/core'

/** The operation of a backplane that failed. */
export type PostgresOperation = 'publish' | 'subscribe' | 'read' | 'seek' | 'forget' | 'presence' | 'run' | 'migrate'

/**
 * Postgres did not answer in time, refused the operation, or cannot be reached. A publish that rejects with this error may
 * have been carried out, if only its answer was lost. With an idempotency key it can be repeated safely.
 */
export class PostgresUnavailableError extends RivuletError {
  static override get name(): string {
    return 'PostgresUnavailableError'
  }
  static override readonly code = 'RIVULET_POSTGRES_UNAVAILABLE'

  constructor(
    /** The operation that failed. */
    readonly operation: PostgresOperation,
    reason: string,
    options?: ErrorOptions,
  ) {
    const fix =
      operation === 'publish'
        ? 'Publish again with the same idempotencyKey: the event is then stored only once, even if this attempt stored it.'
        : 'Try again when Postgres is available.'
    super(
      PostgresUnavailableError.code,
      `The operation "${operation}" failed because Postgres is unavailable: ${reason} ${fix}`,
      options,
    )
  }
}

/**
 * The tables are missing or have another version, or the role lacks a right. The backplane recovers by itself once that
 * is mended.
 */
export class PostgresSetupError extends RivuletError {
  static override get name(): string {
    return 'PostgresSetupError'
  }
  static override readonly code = 'RIVULET_POSTGRES_SETUP'

  constructor(
    /** The fault: missing tables, tables of another version, or a missing right. */
    readonly problem: 'schema' | 'version' | 'rights',
    reason: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(PostgresSetupError.code, `Postgres is not set up for Rivulet: ${reason} ${fix}`, options)
  }
}

/** SQLSTATEs for missing schemas, functions and tables. */
const missing = new Set(['3F000', '42883', '42P01'])

/** Replaces an error of a driver. Errors of this SDK pass unchanged. */
export function explained(operation: PostgresOperation, error: unknown, schema: string): Error {
  if (error instanceof RivuletError) return error
  const setup = setupError(error, schema)
  if (setup) return setup
  const message = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error)
  return new PostgresUnavailableError(operation, `${message}.`.replace('..', '.'), { cause: error })
}

/** Finds the fault in the setup behind an error of a driver. */
export function setupError(error: unknown, schema: string): PostgresSetupError | undefined {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code === '42501') {
    const fix = `Grant the role its two rights, as the owner of the schema: ${grants(schema, '<role>')}`
    return new PostgresSetupError('rights', `${message}.`, fix, { cause: error })
  }
  if (typeof code !== 'string' || !missing.has(code)) return undefined
  const fix = `Run the migrations: await migrate(client${schema === 'rivulet' ? '' : `, { schema: '${schema}' }`}), or the files in @rivulet/backplane-postgres/migrations.`
  return new PostgresSetupError('schema', `${message}.`, fix, { cause: error })
}

/** The statements that give a role what a backplane needs. */
export function grants(schema: string, role: string): string {
  return `GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${role};`
}
