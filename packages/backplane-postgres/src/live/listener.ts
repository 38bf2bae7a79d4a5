import { isPgPool, type PgPool, type PostgresClient, type PostgresJs } from '../database/postgres-client.js'
import { inTime, retryDelay } from '../database/timing.js'

export interface ListenerOptions {
  readonly client: PostgresClient
  /** The name that the functions notify: that of the schema. */
  readonly name: string
  readonly timeoutMs: number
  /** Called with each notification, and when a connection begins to listen: earlier notifications are lost. */
  readonly onWake: (payload: string) => void
  readonly onError: (error: unknown) => void
}

/** Listens on a connection of its own, and opens another one whenever it breaks. */
export class Listener {
  readonly #options: ListenerOptions
  /** Ends the present connection. */
  #end: (() => void) | undefined
  #failures = 0
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

  async #open(): Promise<void> {
    const { client } = this.#options
    try {
      const end = await (isPgPool(client) ? this.#openPool(client) : this.#openJs(client))
      if (this.#closed) return end()
      this.#failures = 0
      this.#end = end
      this.#options.onWake('')
    } catch (error) {
      this.#lost(error)
    }
  }

  async #openPool(pool: PgPool): Promise<() => void> {
    const client = await inTime(pool.connect(), this.#options.timeoutMs, (late) => late.release())
    let ended = false
    const end = () => {
      if (ended) return
      ended = true
      client.removeListener('notification', onNotification)
      // It must not go back into the pool: it still listens.
      client.release(true)
    }
    const onNotification = ({ payload }: { payload?: string }) => this.#options.onWake(payload ?? '')
    const onEnd = (error?: unknown) => {
      if (ended) return
      end()
      this.#lost(error ?? new Error('The connection that listens has ended.'))
    }
    client.on('notification', onNotification)
    // The listeners stay: a connection that is being closed may still fail, which would end the process.
    client.on('error', onEnd)
    client.on('end', onEnd)
    try {
      await inTime(client.query(`LISTEN ${this.#options.name}`), this.#options.timeoutMs)
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
    const listened = await inTime(listening, this.#options.timeoutMs, stop)
    return () => {
      ended = true
      stop(listened)
    }
  }

  #lost(error: unknown): void {
    this.#end?.()
    this.#end = undefined
    if (this.#closed) return
    // Once per failure, not with each attempt.
    if (this.#failures++ === 0) this.#options.onError(error)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), retryDelay(this.#failures))
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#end?.()
    this.#end = undefined
  }
}
