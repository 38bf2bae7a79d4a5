import {
  isPgPool,
  type PgPool,
  type PgPoolClient,
  type PostgresClient,
  type PostgresJs,
} from '../database/postgres-client.js'

export interface ListenerOptions {
  readonly client: PostgresClient
  /** The name that the functions notify: that of the schema. */
  readonly name: string
  readonly timeoutMs: number
  /** Called with each notification, and when a connection begins to listen: what was notified before is lost. */
  readonly onWake: (payload: string) => void
  readonly onError: (error: unknown) => void
}

/** Listens on a connection of its own, and opens another one whenever it breaks. */
export class Listener {
  readonly #options: ListenerOptions
  /** Ends the present connection. */
  #end: (() => void) | undefined
  #attempts = 0
  #started = false
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    void this.#open()
  }

  /** Opens another connection, because this one seems to be dead. */
  restart(): void {
    if (this.#end) this.#lost(new Error('The connection that listens brings no notifications.'))
  }

  async #open(): Promise<void> {
    const { client } = this.#options
    try {
      const end = await (isPgPool(client) ? this.#openPool(client) : this.#openJs(client))
      if (this.#closed) return end()
      this.#attempts = 0
      this.#end = end
      this.#options.onWake('')
    } catch (error) {
      this.#lost(error)
    }
  }

  async #openPool(pool: PgPool): Promise<() => void> {
    const client = await this.#inTime(pool.connect(), (late) => late.release())
    let ended = false
    const end = () => {
      if (ended) return
      ended = true
      client.removeListener('notification', onNotification)
      // Not back into the pool: it still listens.
      client.release(true)
    }
    const onNotification = ({ payload }: { payload?: string }) => this.#options.onWake(payload ?? '')
    const onEnd = (error?: unknown) => {
      if (ended) return
      end()
      this.#lost(error ?? new Error('The connection that listens has ended.'))
    }
    client.on('notification', onNotification)
    // They stay: a connection that is being closed may still fail, which would end the process.
    client.on('error', onEnd)
    client.on('end', onEnd)
    try {
      await this.#inTime((client as PgPoolClient).query(`LISTEN ${this.#options.name}`))
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  async #openJs(sql: PostgresJs): Promise<() => void> {
    let ended = false
    const onNotify = (payload: string) => {
      if (!ended) this.#options.onWake(payload)
    }
    // The client opens another connection by itself, and says so.
    const onListen = () => onNotify('')
    const listening = sql.listen(this.#options.name, onNotify, onListen)
    const stop = ({ unlisten }: { unlisten(): Promise<void> }) => void unlisten().catch(() => {})
    const listened = await this.#inTime(listening, stop)
    return () => {
      ended = true
      stop(listened)
    }
  }

  async #inTime<T>(answer: Promise<T>, onLate: (late: T) => void = () => {}): Promise<T> {
    const { timeoutMs } = this.#options
    let timer: NodeJS.Timeout | undefined
    let late = false
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late = true
        reject(new Error(`No answer within ${timeoutMs} ms.`))
      }, timeoutMs)
    })
    answer.then(
      (value) => late && onLate(value),
      () => {},
    )
    try {
      return await Promise.race([answer, timeout])
    } finally {
      clearTimeout(timer)
    }
  }

  #lost(error: unknown): void {
    this.#end?.()
    this.#end = undefined
    if (this.#closed) return
    if (this.#attempts === 0) this.#options.onError(error)
    // Random, so that the nodes do not come back all at once: 50 to 100 ms at first, 1.5 to 3 s later on.
    const delayMs = Math.min(3_000, 100 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), delayMs)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#end?.()
    this.#end = undefined
  }
}
