import type { Clock } from '@rivulet/core'

/** The time in milliseconds that requests may take in one turn of the event loop. */
const turnMs = 10

/**
 * Limits the time that requests for streams take in one turn of the event loop, so that many of them at once do not delay
 * everything else. Those that come too late in a turn wait in line for the next one.
 */
export class Turns {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  /** The time at which the first request of this turn began. */
  #begunAt: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A promise to wait for before going on, or `undefined` if time is left in this turn. */
  next(): Promise<void> | undefined {
    const now = this.#clock.now()
    if (this.#begunAt === undefined) {
      this.#begunAt = now
      this.#clock.defer(this.#onTurn)
    }
    if (now - this.#begunAt < turnMs) return undefined
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  readonly #onTurn = (): void => {
    this.#begunAt = undefined
    if (this.#waiting.size === 0) return
    this.#begunAt = this.#clock.now()
    this.#clock.defer(this.#onTurn)
    this.#serve(this.#begunAt)
  }

  #serve(begunAt: number): void {
    for (const resolve of this.#waiting) {
      if (this.#begunAt !== begunAt || this.#clock.now() - begunAt >= turnMs) return
      this.#waiting.delete(resolve)
      resolve()
      // The request goes on before this does.
      queueMicrotask(() => this.#serve(begunAt))
      return
    }
  }
}
