import type { Clock } from '@rivulet/core'

/** A request that ends with a signal, when nobody wants its answer any more, or when its server stands still. */
export class Attempt {
  readonly #abort = new AbortController()
  readonly #signal: AbortSignal
  readonly #clock: Clock
  readonly #stallMs: number
  readonly #onAbort = (): void => this.#abort.abort(this.#signal.reason)
  #stalled: Error | undefined

  constructor(signal: AbortSignal, stallMs: number, clock: Clock) {
    this.#signal = signal
    this.#clock = clock
    this.#stallMs = stallMs
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  /** The signal of the request. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** True if a step took longer than the server may stand still. */
  get isStalled(): boolean {
    return this.#stalled !== undefined
  }

  /** Waits for a step of the request, even if it ignores the signal. @throws The step's error, or the signal's reason. */
  async wait<T>(step: Promise<T>): Promise<T> {
    const { signal } = this.#abort
    let onAbort = () => {}
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason)
    })
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const timer = this.#stallMs < Infinity ? this.#clock.setTimeout(() => this.#stall(), this.#stallMs) : undefined
    try {
      return await Promise.race([step, ended])
    } finally {
      this.#clock.clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  #stall(): void {
    this.#stalled = new Error(`Nothing came for ${this.#stallMs} ms.`)
    this.#abort.abort(this.#stalled)
  }

  /** Ends the request, if it is not over. */
  end(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#abort.abort()
  }
}
