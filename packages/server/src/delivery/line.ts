import type { Clock } from '@rivulet/core'

/** A source of writes, in steps. */
export interface Writer {
  /**
   * Writes at least one step, and more until the deadline. MUST NOT throw.
   *
   * @returns True if nothing is left to write for now.
   */
  write(now: () => number, deadline: number): boolean
}

/** The time in milliseconds that writing may take in one turn of the event loop. */
const turnMs = 10
/** The time in milliseconds that one writer may take while others wait. */
const shareMs = 2

/**
 * Serves writers in turns. A writer that is not done after its share goes to the end of the line, so nobody waits for
 * more than one share of each other writer, and requests and timers wait for one turn at most.
 */
export class Line {
  readonly #clock: Clock
  readonly #onTurn: (ms: number) => void
  readonly #waiting = new Set<Writer>()
  #scheduled = false

  /** @param onTurn Called with the duration of each turn in milliseconds. */
  constructor(clock: Clock, onTurn: (ms: number) => void) {
    this.#clock = clock
    this.#onTurn = onTurn
  }

  add(writer: Writer): void {
    this.#waiting.add(writer)
    this.#schedule()
  }

  remove(writer: Writer): void {
    this.#waiting.delete(writer)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    const { now } = this.#clock
    const start = now()
    let time = start
    for (const writer of this.#waiting) {
      this.#waiting.delete(writer)
      const done = writer.write(now, time + shareMs)
      // Added at the end of the set under iteration, so it is served again in this turn if time is left.
      if (!done) this.#waiting.add(writer)
      time = now()
      if (time - start >= turnMs) break
    }
    // The wall clock may have been set back during the turn.
    this.#onTurn(Math.max(0, time - start))
    if (this.#waiting.size > 0) this.#schedule()
  }
}
