import type { Clock } from '@rivulet/core'
import type { Connection } from './connection.js'

/** How often it looks, within one timeout. */
const looksPerTimeout = 8

/**
 * Watches the connections that have bytes waiting, by one timer, and cuts those that take none for too long. A slow
 * connection that goes on taking some is left alone.
 */
export class StallWatch {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #onStall: (connection: Connection) => void
  readonly #watched = new Map<Connection, { taken: number; since: number }>()
  #timer: unknown

  constructor(clock: Clock, timeoutMs: number, onStall: (connection: Connection) => void) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#onStall = onStall
  }

  add(connection: Connection): void {
    if (this.#watched.has(connection)) return
    this.#watched.set(connection, { taken: takenBy(connection), since: this.#clock.now() })
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeoutMs / looksPerTimeout)
  }

  delete(connection: Connection): void {
    this.#watched.delete(connection)
    if (this.#watched.size > 0) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (const [connection, entry] of this.#watched) {
      const taken = takenBy(connection)
      if (taken > entry.taken) {
        entry.taken = taken
        entry.since = now
      } else if (now - entry.since >= this.#timeoutMs) {
        this.#onStall(connection)
      }
    }
    // What was told of a stall may have added one, and with it the timer.
    if (this.#watched.size > 0) {
      this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeoutMs / looksPerTimeout)
    }
  }
}

function takenBy({ bytesQueued, bufferedBytes }: Connection): number {
  return bytesQueued - bufferedBytes
}
