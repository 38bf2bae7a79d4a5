import { type Clock, maxTimerMs } from '@rivulet/core'
import type { Connection } from '../delivery/connection.js'

/** Closes connections when their credential or lifetime ends. */
export class Lifetimes {
  readonly #clock: Clock
  readonly #maxLifetimeMs: number
  readonly #cancels = new Map<Connection, () => void>()

  /** @param maxLifetimeMs Each connection lasts between 80 and 100 percent of it. */
  constructor(clock: Clock, maxLifetimeMs: number = Infinity) {
    this.#clock = clock
    this.#maxLifetimeMs = maxLifetimeMs
  }

  /** @param expiresAt The end of its credential in milliseconds since the Unix epoch, or `Infinity`. */
  add(connection: Connection, expiresAt: number): void {
    const end = this.#clock.now() + this.#maxLifetimeMs * (0.8 + 0.2 * this.#clock.random())
    if (expiresAt === Infinity && end === Infinity) return
    const reason = expiresAt < end ? 'expired' : 'lifetime'
    const cancel = callAt(this.#clock, Math.min(expiresAt, end), () => connection.close(reason, true))
    this.#cancels.set(connection, cancel)
  }

  remove(connection: Connection): void {
    this.#cancels.get(connection)?.()
    this.#cancels.delete(connection)
  }
}

/** Calls back at a time, however far away; at once if it has passed. @returns A function that cancels the call. */
export function callAt(clock: Clock, time: number, callback: () => void): () => void {
  let timer: unknown
  const wait = () => {
    const left = time - clock.now()
    timer = clock.setTimeout(left > maxTimerMs ? wait : callback, Math.min(Math.max(left, 0), maxTimerMs))
  }
  wait()
  return () => clock.clearTimeout(timer)
}
