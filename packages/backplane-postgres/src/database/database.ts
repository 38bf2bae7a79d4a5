import { explained, type PostgresOperation, PostgresSetupError } from './errors.js'
import { isPgPool, type PgPool, type PostgresClient, type PostgresJs, type Row } from './postgres-client.js'
import { inTime } from './timing.js'

/** The version of the tables that this package needs. */
export const schemaVersion = 1

export interface DatabaseOptions {
  readonly client: PostgresClient
  readonly schema: string
  readonly timeoutMs: number
}

/** Calls the functions of the schema, each as one statement and one transaction, within a time limit. */
export class Database {
  /** The highest position that this node has seen. After a failover, a server that lost the last events begins after it. */
  known = 0
  readonly schema: string
  readonly timeoutMs: number
  readonly #client: PostgresClient
  #greeting: Promise<void> | undefined
  #closed = false

  constructor({ client, schema, timeoutMs }: DatabaseOptions) {
    this.#client = client
    this.schema = schema
    this.timeoutMs = timeoutMs
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
      return await this.#query(this.statement(name, values.length), values)
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
      // An error with an SQLSTATE is an answer, and the connection goes on.
      broken = !/^[0-9A-Z]{5}$/.test(String((error as { code?: unknown }).code)) || isFatal(error)
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

  close(): void {
    this.#closed = true
  }
}

/** Class 57: the server ends the connection. */
function isFatal(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('57P')
}
