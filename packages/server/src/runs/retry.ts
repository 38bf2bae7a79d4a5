import type { Clock } from '@rivulet/core'

const firstMs = 50
const longestMs = 1_000

/** Repeats a failed step after growing pauses. */
export class Retry {
  readonly #clock: Clock
  #stopped = false
  #timer: unknown
  #resume: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Runs a step until it succeeds.
   *
   * @throws The last error of the step, once the time is over or it was stopped.
   */
  async run<T>(step: () => Promise<T>, forMs: number): Promise<T> {
    const deadline = this.#clock.now() + forMs
    for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 2, longestMs)) {
      try {
        return await step()
      } catch (error) {
        if (!this.#stopped && this.#clock.now() < deadline) await this.#pause(pauseMs)
        if (this.#stopped || this.#clock.now() >= deadline) throw error
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
      this.#timer = this.#clock.setTimeout(resolve, ms)
    })
  }

  /** Repeats nothing more. A pause ends at once. */
  stop(): void {
    this.#stopped = true
    this.#clock.clearTimeout(this.#timer)
    this.#resume?.()
  }
}
