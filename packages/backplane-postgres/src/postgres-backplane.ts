import {
  type Backplane,
  type BackplaneMessage,
  type BackplaneRegistry,
  type BackplaneSubscriber,
  ConfigurationError,
  type PublishOptions,
  type PublishResult,
  type PublishTransaction,
  type ReadResult,
  type Retention,
  type RunStore,
} from '@rivulet/server'
import { Database } from './database/database.js'
import { setupError } from './database/errors.js'
import { isPostgresClient, type PostgresClient, type Row } from './database/postgres-client.js'
import { toText } from './database/text.js'
import type { Part } from './live/health.js'
import { Listener } from './live/listener.js'
import { LiveFeed } from './live/live-feed.js'
import { TableSource } from './live/table-source.js'
import { type Bounds, finite, postgresBoundsPer } from './logs/bounds.js'
import { type Publication, Publishing, publicationOf, resultOf } from './logs/publishing.js'
import { Reading } from './logs/reading.js'
import { Sweeper } from './logs/sweeper.js'
import { checkClient, checkSchema } from './migrations.js'
import { PostgresRegistry } from './registry/postgres-registry.js'
import { PostgresRuns } from './runs/postgres-runs.js'

export interface PostgresBackplaneOptions {
  /** A `Pool` of `pg` with two connections or more, or the client of `postgres`. The backplane does not close it. */
  client: PostgresClient
  /**
   * The client for the connection that listens, if `client` goes through a pooler in transaction mode, which cannot listen.
   * `false`: the backplane only polls. @default The `client`
   */
  listen?: PostgresClient | false
  /** The schema of the tables. @default 'rivulet' */
  schema?: string
  /** The retention of every channel, or a function from a channel to its retention. It must be the same on every node. */
  retention?: Retention | ((channel: string) => Retention)
  /** Time for which an idempotency key is remembered, in milliseconds. @default 300_000 (five minutes) */
  idempotencyWindowMs?: number
  /**
   * Time without a notification after which the backplane looks for events anyway, in milliseconds. It is the only query of an
   * idle node, and bounds the delay of events whose notification got lost. @default 1_000
   */
  pollMs?: number
  /** Time within which Postgres must answer, in milliseconds. @default 5_000 */
  timeoutMs?: number
}

/**
 * Carries events between any number of nodes through PostgreSQL (13 or newer). A publish may take part in a transaction of the
 * application: the event then exists exactly if the transaction commits.
 *
 * The tables must exist: see `migrate`. During an outage publishing and reading reject; streams stay open, and get the missed
 * events in order afterwards.
 *
 * @example
 * const backplane = new PostgresBackplane({ client: new Pool() })
 * const manager = new EventManager({ events, backplane })
 */
export class PostgresBackplane implements Backplane {
  readonly transactional = true
  readonly registry: BackplaneRegistry
  readonly runs: RunStore
  readonly #boundsOf: (channel: string) => Bounds
  readonly #database: Database
  readonly #publishing: Publishing
  readonly #reading: Reading
  readonly #feed: LiveFeed
  readonly #listener: Listener | undefined
  readonly #sweeper: Sweeper

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor(options: PostgresBackplaneOptions) {
    const { client, listen = client, schema = 'rivulet', retention } = options
    const { idempotencyWindowMs = 300_000, pollMs = 1_000, timeoutMs = 5_000 } = options
    checkClient('client', client)
    if (listen !== false) checkClient('listen', listen)
    checkSchema(schema)
    for (const [name, value] of Object.entries({ idempotencyWindowMs, pollMs, timeoutMs })) {
      if (!(value > 0 && value <= 2_147_483_647))
        throw new ConfigurationError(name, value, 'Pass milliseconds, above 0.')
    }
    this.#boundsOf = postgresBoundsPer(retention)
    this.#database = new Database({ client, schema, timeoutMs })
    const database = this.#database
    if (listen !== false) {
      const onWake = (payload: string) => this.#wake(payload === '' ? Infinity : Number(payload))
      const onResult = (error: unknown) => this.#note('listener', error)
      this.#listener = new Listener({ client: listen, name: schema, timeoutMs, onWake, onResult })
    }
    this.#feed = new LiveFeed({ source: new TableSource(database, this.#listener), pollMs })
    this.#sweeper = new Sweeper({
      database,
      windowMs: idempotencyWindowMs,
      boundsOf: this.#boundsOf,
      onResult: (error) => this.#note('sweeper', error),
    })
    this.#publishing = new Publishing(database, idempotencyWindowMs, (position) => this.#wake(position))
    this.#reading = new Reading(database)
    this.registry = new PostgresRegistry(database)
    this.runs = new PostgresRuns(database, () => this.#wake(Infinity))
  }

  #note(part: Part, error: unknown): void {
    if (error === undefined) this.#feed.health.works(part)
    else this.#feed.health.failed(part, error)
  }

  /** Reads the feed if it has not reached a position yet. */
  #wake(position: number): void {
    if (this.#feed.cursor === undefined || this.#feed.cursor < position) this.#feed.wake()
    this.#sweeper.touch(undefined)
  }

  async publish(channel: string, message: BackplaneMessage, options: PublishOptions): Promise<PublishResult> {
    const publication = publicationOf(channel, message, options, this.#boundsOf(channel))
    const { transaction } = options
    this.#sweeper.touch(channel)
    return transaction ? this.#enqueue(transaction, publication) : this.#publishing.publish(publication)
  }

  /** Publishes in a transaction. Its events get their positions at the commit. */
  async #enqueue(transaction: PublishTransaction, publication: Publication): Promise<PublishResult> {
    const { text, values } = this.#publishing.statementFor(publication)
    return resultOf(await this.#ask(transaction, text, values))
  }

  /** Runs a statement in a transaction of the application, and returns the first row. */
  async #ask(transaction: PublishTransaction, text: string, values: (string | null)[]): Promise<Row | undefined> {
    checkTransaction(transaction)
    try {
      const result = await ('query' in transaction ? transaction.query(text, values) : transaction.unsafe(text, values))
      const rows = Array.isArray(result) ? result : (result as { rows: unknown[] }).rows
      return rows?.[0] as Row | undefined
    } catch (error) {
      throw setupError(error, this.#database.schema) ?? error
    }
  }

  async storedPosition(transaction: PublishTransaction): Promise<number> {
    const row = await this.#ask(transaction, this.#database.statement('stored_position', 0), [])
    return Number(row!.stored_position)
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    this.#listener?.start()
    return this.#feed.subscribe(channel, subscriber)
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    this.#feed.unsubscribe(channel, subscriber)
  }

  async read(channel: string, after: number, limit: number): Promise<ReadResult> {
    return this.#reading.read({ channel, bounds: this.#boundsOf(channel), after, limit })
  }

  async seek(channel: string, count: number, before?: number): Promise<number> {
    const { maxEvents, maxAgeMs } = this.#boundsOf(channel)
    const most = Math.min(count, Number.MAX_SAFE_INTEGER)
    const values = [toText(channel), most, before ?? null, finite(maxEvents), String(maxAgeMs)]
    const [row] = await this.#database.call('seek', 'seek', ...values)
    return Number(row!.seek)
  }

  async forget(channel: string): Promise<void> {
    await this.#database.call('forget', 'forget', toText(channel))
    this.#sweeper.touch(undefined)
  }

  /** Ends the connection that listens. Does not close the client. */
  close(): void {
    this.#feed.close()
    this.#listener?.close()
    this.#sweeper.close()
    this.#database.close()
  }
}

/** @throws {ConfigurationError} */
function checkTransaction(transaction: PublishTransaction): void {
  const { query, unsafe, begin } = transaction as { query?: unknown; unsafe?: unknown; begin?: unknown }
  const fix = 'Pass the client on which the transaction was begun: a client of "pg", or what "sql.begin" gives.'
  if (typeof query !== 'function' && typeof unsafe !== 'function') {
    throw new ConfigurationError('transaction', transaction, fix)
  }
  if (typeof begin === 'function' || ('totalCount' in transaction && isPostgresClient(transaction))) {
    throw new ConfigurationError(
      'transaction',
      transaction,
      `${fix} A pool runs each statement on any of its connections.`,
    )
  }
}
