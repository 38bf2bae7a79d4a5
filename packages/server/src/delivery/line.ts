import type { Clock } from '@rivulet/core'

/** Something that has to be written, in steps. */
export interface Writer {
  /**
   * Writes at least one step, and more until the deadline. It MUST NOT throw.
   *
   * @returns Whether nothing is left to write for now.
   */
  write(now: () => number, deadline: number): boolean
}

/** For how long one turn of the event loop may be used for writing, in milliseconds. */
const turnMs = 10
/** For how long one writer may go on while others wait, in milliseconds. */
const shareMs = 2

/**
 * Serves writers in turns: one that is not done after its share goes to the end of the line. So nobody waits for more
 * than one share of each of the others, and requests and timers wait for no more than one turn.
 */
export class Line {
  readonly #clock: Clock
  readonly #onTurn: (ms: number) => void
  readonly #waiting = new Set<Writer>()
  #scheduled = false

  /** @param onTurn Is told how many milliseconds each turn took. */
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
      // At the end of a set that is being iterated over: it is served again in this turn if there is time.
      if (!done) this.#waiting.add(writer)
      time = now()
      if (time - start >= turnMs) break
    }
    // Somebody may have set the clock back meanwhile.
    this.#onTurn(Math.max(0, time - start))
    if (this.#waiting.size > 0) this.#schedule()
  }
}
