import type { Clock } from '@rivulet/core'
import { type Leave, Step } from '../runtime/guard.js'

/** The time in milliseconds that requests may take in one turn of the event loop. */
const turnMs = 10

/**
 * Limits the time that requests for streams take in one turn of the event loop, so that many of them at once do not delay
 * everything else. Those that come too late in a turn wait in line for the next one.
 */
export class Turns extends Step {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  /** The time at which the first request of this turn began. */
  #begunAt: number | undefined

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  /** The step to wait for before going on, or `undefined` if time is left in this turn. */
  next(): Step | undefined {
    const now = this.#clock.now()
    if (this.#begunAt === undefined) {
      this.#begunAt = now
      this.#clock.defer(this.#onTurn)
    }
    return now - this.#begunAt < turnMs ? undefined : this
  }

  wait(onValue: () => void): Leave {
    this.#waiting.add(onValue)
    return () => void this.#waiting.delete(onValue)
  }

  readonly #onTurn = (): void => {
    this.#begunAt = undefined
    if (this.#waiting.size === 0) return
    this.#begunAt = this.#clock.now()
    this.#clock.defer(this.#onTurn)
    void this.#serve(this.#begunAt)
  }

  async #serve(begunAt: number): Promise<void> {
    for (const goOn of this.#waiting) {
      if (this.#begunAt !== begunAt || this.#clock.now() - begunAt >= turnMs) return
      this.#waiting.delete(goOn)
      goOn()
      // The request goes on before this does.
      await undefined
    }
  }
}
