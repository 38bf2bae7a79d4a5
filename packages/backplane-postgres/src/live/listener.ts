import {
  ignoreIdleErrors,
  isPgPool,
  type PgPool,
  type PostgresClient,
  type PostgresJs,
} from '../database/postgres-client.js'
import { inTime, retryDelay } from '../database/timing.js'
import type { Probing } from './table-source.js'

/** Time without a notification after which a read sends a probe, in milliseconds; a quarter more or less for each node. */
const probeMs = 30_000

export interface ListenerOptions {
  readonly client: PostgresClient
  /** The name that the functions notify: that of the schema. */
  readonly name: string
  readonly timeoutMs: number
  /** Called with each notification, and when a connection begins to listen: earlier notifications are lost. */
  readonly onWake: (payload: string) => void
  /** Receives the error when listening fails, and `undefined` when it works. */
  readonly onResult: (error: unknown) => void
  readonly probeMs?: number
}

/**
 * Listens on a connection of its own, and opens another one whenever it breaks or becomes deaf.
 *
 * A connection can die in silence: a firewall forgets it, a pooler takes its server away. So a read sends a notification along
 * when none has come for some time. One that any node sends reaches all of them, and an idle cluster needs few.
 */
export class Listener implements Probing {
  readonly #options: ListenerOptions
  readonly #probeMs: number
  /** Ends the present connection, which may be hanging. */
  #end: ((hangs: boolean) => void) | undefined
  #failures = 0
  #started = false
  #timer: NodeJS.Timeout | undefined
  #probeTimer: NodeJS.Timeout | undefined
  /** The time of the last notification, or of the beginning. */
  #heardAt = 0
  /** The last connection brought no notification, and this one has not brought any yet. */
  #deaf = false
  #closed = false
  readonly #stopIgnoring: () => void

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#stopIgnoring = ignoreIdleErrors(options.client)
    this.#probeMs = (options.probeMs ?? probeMs) * (0.75 + Math.random() / 2)
  }

  start(): void {
    if (this.#started || this.#closed) return
    this.#started = true
    void this.#open()
  }

  get isDue(): boolean {
    return (
      this.#end !== undefined && this.#probeTimer === undefined && performance.now() - this.#heardAt > this.#probeMs
    )
  }

  sent(since: number): void {
    if (!this.#end || this.#probeTimer || this.#closed || this.#heardAt >= since) return
    const { timeoutMs } = this.#options
    this.#probeTimer = setTimeout(() => {
      this.#deaf = true
      this.#lost(
        new Error(`No notification arrived within ${timeoutMs} ms. A pooler in transaction mode loses them all.`),
        true,
      )
    }, timeoutMs)
  }

  #heard(payload: string): void {
    this.#heardAt = performance.now()
    this.#endProbe()
    if (this.#deaf) this.#options.onResult(undefined)
    this.#deaf = false
    if (payload !== 'probe') this.#options.onWake(payload)
  }

  #endProbe(): void {
    clearTimeout(this.#probeTimer)
    this.#probeTimer = undefined
  }

  /** Called when a connection begins to listen. */
  #listens(): void {
    this.#heardAt = performance.now()
    this.#endProbe()
    if (!this.#deaf) this.#options.onResult(undefined)
    this.#options.onWake('')
  }

  async #open(): Promise<void> {
    const { client } = this.#options
    try {
      const end = await (isPgPool(client) ? this.#openPool(client) : this.#openJs(client))
      if (this.#closed) return end(false)
      this.#failures = 0
      this.#end = end
    } catch (error) {
      this.#lost(error, false)
    }
  }

  async #openPool(pool: PgPool): Promise<(hangs: boolean) => void> {
    const client = await inTime(pool.connect(), this.#options.timeoutMs, (late) => late.release())
    let ended = false
    const end = (hangs: boolean) => {
      if (ended) return
      ended = true
      client.removeListener('notification', onNotification)
      // With a statement under way, `pg` does not wait for the other side to close.
      if (hangs) client.query('SELECT').catch(() => {})
      // It must not go back into the pool: it still listens.
      client.release(true)
    }
    const onNotification = ({ payload }: { payload?: string }) => this.#heard(payload ?? '')
    const onEnd = (error?: unknown) => {
      if (ended) return
      end(false)
      this.#lost(error ?? new Error('The connection that listens has ended.'), false)
    }
    client.on('notification', onNotification)
    // The listeners stay: a connection that is being closed may still fail, which would end the process.
    client.on('error', onEnd)
    client.on('end', onEnd)
    try {
      await inTime(client.query(`LISTEN ${this.#options.name}`), this.#options.timeoutMs)
    } catch (error) {
      end(true)
      throw error
    }
    this.#listens()
    return end
  }

  async #openJs(sql: PostgresJs): Promise<(hangs: boolean) => void> {
    const { name, timeoutMs } = this.#options
    let ended = false
    const onNotify = (payload: string) => {
      if (!ended) this.#heard(payload)
    }
    // The client opens another connection by itself when this one breaks, and says so.
    const onListen = () => {
      if (!ended) this.#listens()
    }
    const end = (hangs: boolean) => {
      ended = true
      if (hangs) abandon(sql, onNotify)
      else stop()
    }
    const listening = sql.listen(name, onNotify, onListen)
    const stop = () => void listening.then(({ unlisten }) => unlisten()).catch(() => {})
    try {
      await inTime(listening, timeoutMs)
    } catch (error) {
      end(true)
      throw error
    }
    return end
  }

  #lost(error: unknown, hangs: boolean): void {
    this.#end?.(hangs)
    this.#end = undefined
    this.#endProbe()
    if (this.#closed) return
    this.#failures++
    this.#options.onResult(error)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), retryDelay(this.#failures))
  }

  close(): void {
    this.#closed = true
    this.#stopIgnoring()
    clearTimeout(this.#timer)
    this.#endProbe()
    this.#end?.(false)
    this.#end = undefined
  }
}

/** The properties of `sql.listen` in which `postgres` 3 keeps its connection, and those who listen, also after a failure. */
interface ListenState {
  sql?: { end(options: { timeout: number }): Promise<void> }
  channels?: Record<string, { listeners: { fn(payload: string): void; onlisten?(): void }[] }>
}

/**
 * Makes `postgres` listen on another connection, without one of its listeners. It does so by itself when a connection closes,
 * but has no method for one that hangs.
 */
function abandon(sql: PostgresJs, listener: (payload: string) => void): void {
  const state = sql.listen as ListenState
  const { sql: present, channels = {} } = state
  delete state.sql
  for (const [name, { listeners }] of Object.entries(channels)) {
    delete channels[name]
    for (const { fn, onlisten } of listeners) if (fn !== listener) sql.listen(name, fn, onlisten).catch(() => {})
  }
  present?.end({ timeout: 0 }).catch(() => {})
}
