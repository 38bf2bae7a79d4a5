import type { Emit } from './emit.js'
import type { EventLoopSample } from './event-loop-meter.js'

export interface SystemOptions {
  readonly emit: Emit
  /** The delay of the event loop, in milliseconds, from which it counts as high load. @default 200 */
  readonly highLoadMs?: number
  /** After a `high_load` event, the next one comes this much later at the earliest. @default 10000 */
  readonly quietMs?: number
  readonly now?: () => number
}

/** Publishes what a person should know about the server itself. */
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

  /** An error that no route caught. The stack stays in the server's own log. */
  failed(error: unknown, data: { method: string; url: string }): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#emit('system', { event: 'server_error', message: `${data.method} ${data.url} failed: ${message}`, data })
  }

  /** Looks at a measured sample and reports it if the event loop was held up. */
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
