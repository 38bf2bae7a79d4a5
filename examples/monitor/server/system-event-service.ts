import type { Emit } from './emit.js'
import type { EventLoopSample } from './event-loop-meter.js'

export interface SystemOptions {
  readonly emit: Emit
  /** Event-loop delay that counts as high load, in milliseconds. @default 200 */
  readonly highLoadMs?: number
  /** Minimum time between two `high_load` events, in milliseconds. @default 10000 */
  readonly quietMs?: number
  readonly now?: () => number
}

/** Publishes events about the server itself that a person should know. */
export class SystemEventService {
  readonly #emit: Emit
  readonly #highLoadMs: number
  readonly #quietMs: number
  readonly #now: () => number
  #quietUntil = Number.NEGATIVE_INFINITY

  constructor({ emit, highLoadMs = 200, quietMs = 10_000, now = Date.now }: SystemOptions) {
    this.#emit = emit
    this.#highLoadMs = highLoadMs
    this.#quietMs = quietMs
    this.#now = now
  }

  started(data: { port: number; node: string; pid: number }): void {
    this.#emit('system', { event: 'server_start', message: `Server started on port ${data.port}`, data })
  }

  /** Reports an error that no route caught. The stack stays in the server's own log. */
  failed(error: unknown, data: { method: string; url: string }): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#emit('system', { event: 'server_error', message: `${data.method} ${data.url} failed: ${message}`, data })
  }

  /** Checks a sample and reports a blocked event loop. */
  checkLoad({ p99Ms, maxMs }: EventLoopSample): void {
    if (maxMs < this.#highLoadMs || this.#now() < this.#quietUntil) return
    this.#quietUntil = this.#now() + this.#quietMs
    this.#emit('system', {
      event: 'high_load',
      message: `The event loop was held up for ${Math.round(maxMs)} ms`,
      data: { p99Ms, maxMs, limitMs: this.#highLoadMs },
    })
  }
}
