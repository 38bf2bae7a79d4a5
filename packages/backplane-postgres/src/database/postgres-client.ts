/** A pool of `pg` 8, or of a package with the same interface. */
export interface PgPool {
  readonly totalCount: number
  readonly options?: { readonly max?: number | undefined }
  connect(): Promise<PgPoolClient>
  // biome-ignore lint/suspicious/noExplicitAny: listeners of different events take different arguments.
  on?(event: 'error', listener: (...args: any[]) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  removeListener?(event: 'error', listener: (...args: any[]) => void): unknown
}

/** A client that a `PgPool` lends. */
export interface PgPoolClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
  // biome-ignore lint/suspicious/noExplicitAny: listeners of different events take different arguments.
  on(event: string, listener: (...args: any[]) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  removeListener(event: string, listener: (...args: any[]) => void): unknown
  release(destroy?: boolean): void
}

/** A client of `postgres` 3 (postgres.js). */
export interface PostgresJs {
  // biome-ignore lint/suspicious/noExplicitAny: the parameters that the client serializes have types of its own.
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PromiseLike<readonly unknown[]>
  listen(
    channel: string,
    onNotify: (payload: string) => void,
    onListen?: () => void,
  ): Promise<{ unlisten(): Promise<void> }>
  readonly options: { readonly prepare?: boolean }
}

/** A connection pool that the application made: a `Pool` of `pg`, or the `sql` of `postgres`. */
export type PostgresClient = PgPool | PostgresJs

/** A row of text columns. */
export type Row = Readonly<Record<string, string | null>>

export function isPgPool(client: PostgresClient): client is PgPool {
  return typeof (client as PgPool).totalCount === 'number'
}

/**
 * Keeps a connection that the server ends from ending the process: an idle one, for which the pool needs a listener, and one
 * that has just been opened, before whoever asked for it can listen. The pool opens another one.
 *
 * @returns Takes it back.
 */
export function ignoreIdleErrors(client: PostgresClient): () => void {
  if (!isPgPool(client)) return () => {}
  const pool = client as Listened
  // One function each: a pool may have several backplanes.
  const ignore = () => {}
  const onConnect = (connection: Listened) => void connection.on?.('error', ignore)
  pool.on?.('error', ignore)
  pool.on?.('connect', onConnect)
  return () => {
    pool.removeListener?.('error', ignore)
    pool.removeListener?.('connect', onConnect)
  }
}

/** Listens to any event: the overloads of `pg` take one name each. */
interface Listened {
  // biome-ignore lint/suspicious/noExplicitAny: listeners of different events take different arguments.
  on?(event: string, listener: (...args: any[]) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  removeListener?(event: string, listener: (...args: any[]) => void): unknown
}

/** Recognizes a client of either package. Refuses a single client of `pg`: it may be in a transaction of the application. */
export function isPostgresClient(client: unknown): client is PostgresClient {
  if ((typeof client !== 'object' && typeof client !== 'function') || client === null) return false
  const { totalCount, connect, unsafe, listen } = client as Partial<PgPool & PostgresJs>
  if (typeof totalCount === 'number') return typeof connect === 'function'
  return typeof unsafe === 'function' && typeof listen === 'function'
}
