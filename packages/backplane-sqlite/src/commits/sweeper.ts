import type { Clock } from '@rivulet/core'

/** Time between two checks for expired items, in milliseconds. Reads leave expired events out by themselves. */
const intervalMs = 10_000

/** Regularly drops expired items, in steps that do not hold up the event loop. */
export class Sweeper {
  readonly #clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>
  /** Drops some expired items. Resolves with true if there may be more. */
  readonly #sweep: () => Promise<boolean>
  #timer: unknown
  #closed = false

  constructor(clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>, sweep: () => Promise<boolean>) {
    this.#clock = clock
    this.#sweep = sweep
    this.#wait()
  }

  #wait(): void {
    const timer = this.#clock.setTimeout(() => void this.#run(), intervalMs)
    // Sweeping must not keep the process alive. Timers of other clocks may be numbers.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as NodeJS.Timeout).unref()
    this.#timer = timer
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closed && (await this.#sweep())) {
        // Goes on.
      }
    } catch {
      // Commits have reported it. The next turn tries again.
    }
    if (!this.#closed) this.#wait()
  }

  close(): void {
    this.#closed = true
    this.#clock.clearTimeout(this.#timer)
  }
}
