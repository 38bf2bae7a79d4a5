import { explained, type PostgresOperation, PostgresSetupError } from './errors.js'
import {
  ignoreIdleErrors,
  isPgPool,
  type PgPool,
  type PostgresClient,
  type PostgresJs,
  type Row,
} from './postgres-client.js'
import { inTime, timeoutError } from './timing.js'

/** The version of the tables that this package needs. */
export const schemaVersion = 1

export interface DatabaseOptions {
  readonly client: PostgresClient
  readonly schema: string
  readonly timeoutMs: number
}

/** The number of tries for a statement that met others under an isolation level above READ COMMITTED, or a deadlock. */
const maxTries = 5

/** Calls the functions of the schema, each as one statement and one transaction, within a time limit. */
export class Database {
  /** The highest position that this node has seen. After a failover, a server that lost the last events begins after it. */
  known = 0
  readonly schema: string
  readonly timeoutMs: number
  readonly #client: PostgresClient
  #greeting: Promise<void> | undefined
  #closed = false
  readonly #stopIgnoring: () => void

  constructor({ client, schema, timeoutMs }: DatabaseOptions) {
    this.#client = client
    this.schema = schema
    this.timeoutMs = timeoutMs
    this.#stopIgnoring = ignoreIdleErrors(client)
  }

  /** Time that a statement may wait for the lock of the positions, so that it ends before its caller gives up. */
  get waitMs(): number {
    return Math.max(1, Math.floor(this.timeoutMs * 0.8))
  }

  note(position: number): void {
    if (position > this.known) this.known = position
  }

  /**
   * Calls a function of the schema. Values are texts, numbers or null; every column of the result is a text or null.
   *
   * @throws {PostgresSetupError} {PostgresUnavailableError} (by rejecting)
   */
  async call(operation: PostgresOperation, name: string, ...values: readonly unknown[]): Promise<Row[]> {
    if (this.#closed) throw explained(operation, new Error('The backplane is closed.'), this.schema)
    try {
      await this.#greet()
      return await this.#tryQuery(this.statement(name, values.length), values)
    } catch (error) {
      throw explained(operation, error, this.schema)
    }
  }

  /** The statement that calls a function of the schema. */
  statement(name: string, count: number): string {
    const places = Array.from({ length: count }, (_, index) => `$${index + 1}`)
    return `SELECT * FROM ${this.schema}.${name}(${places})`
  }

  /** Checks the version once. */
  #greet(): Promise<void> {
    this.#greeting ??= this.#checkVersion().catch((error) => {
      this.#greeting = undefined
      throw error
    })
    return this.#greeting
  }

  async #checkVersion(): Promise<void> {
    const [row] = await this.#query(this.statement('version', 0), [])
    const { version, compatible } = row!
    if (Number(version) >= schemaVersion && Number(compatible) <= schemaVersion) return
    const reason = `the tables in "${this.schema}" have version ${version}, and this version of the package needs ${schemaVersion}.`
    const fix = Number(version) < schemaVersion ? 'Run the new migrations first.' : 'Upgrade the package on this node.'
    throw new PostgresSetupError('version', reason, fix)
  }

  /** Repeats what Postgres took back on account of others. */
  async #tryQuery(text: string, values: readonly unknown[]): Promise<Row[]> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#query(text, values)
      } catch (error) {
        if (tries === maxTries || !asksForRepeat(error)) throw error
      }
    }
  }

  #query(text: string, values: readonly unknown[]): Promise<Row[]> {
    const client = this.#client
    return isPgPool(client) ? this.#queryPool(client, text, values) : this.#queryJs(client, text, values)
  }

  async #queryPool(pool: PgPool, text: string, values: readonly unknown[]): Promise<Row[]> {
    // A connection that arrives too late goes back to the pool.
    const client = await inTime(pool.connect(), this.timeoutMs, (late) => late.release())
    let broken = true
    const onError = () => {}
    // Without a listener, a connection that breaks would end the process.
    client.on('error', onError)
    try {
      const { rows } = await inTime(client.query(text, [...values]), this.timeoutMs)
      broken = false
      return rows as Row[]
    } catch (error) {
      broken = !isAnswer(error)
      throw error
    } finally {
      client.removeListener('error', onError)
      client.release(broken)
    }
  }

  async #queryJs(sql: PostgresJs, text: string, values: readonly unknown[]): Promise<Row[]> {
    const prepare = sql.options?.prepare !== false
    const query = sql.unsafe(text, [...values], { prepare })
    return (await inTime(Promise.resolve(query), this.timeoutMs)) as Row[]
  }

  /** The error of an operation that had no turn within the time limit. */
  lateError(operation: PostgresOperation): Error {
    return explained(operation, timeoutError(this.timeoutMs), this.schema)
  }

  close(): void {
    this.#closed = true
    this.#stopIgnoring()
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}

/** An error with an SQLSTATE is an answer, and the connection goes on, except with class 57P. Codes of Node.js have no digit. */
function isAnswer(error: unknown): boolean {
  const code = codeOf(error)
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !code.startsWith('57P')
}

/** A serialization failure or a deadlock: the statement did nothing. */
function asksForRepeat(error: unknown): boolean {
  return codeOf(error) === '40001' || codeOf(error) === '40P01'
}
