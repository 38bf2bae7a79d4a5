import type { Emit } from './emit.js'
import type { EventLoopSample } from './event-loop-meter.js'

export interface MetricsOptions {
  readonly emit: Emit
  /** The manager's counters. */
  readonly stats: () => { connections: number; deliveries: number }
  /** Reads the delays of the event loop, once per sample. */
  readonly takeDelays: () => EventLoopSample
  /** Gets each sample of the event loop, so that load is judged by the same numbers that the page shows. */
  readonly onDelays?: (sample: EventLoopSample) => void
  /** @default 1000 */
  readonly intervalMs?: number
  /** A monotonic clock, in milliseconds. @default performance.now */
  readonly now?: () => number
}

/** Measures the process once per interval and publishes the sample. */
export class MetricsService {
  readonly #options: MetricsOptions
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #deliveries = 0
  #sampledAt = 0

  constructor(options: MetricsOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  start(): void {
    this.#deliveries = this.#options.stats().deliveries
    this.#sampledAt = this.#now()
    this.#timer = setInterval(() => this.sample(), this.#options.intervalMs ?? 1_000)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  sample(): void {
    const { connections, deliveries } = this.#options.stats()
    const now = this.#now()
    const delays = this.#options.takeDelays()
    const { rss, heapUsed } = process.memoryUsage()
    this.#options.emit('metrics', {
      connections,
      // Divided by the real elapsed time: a late timer must not look like a busier second.
      deliveriesPerSecond: perSecond(deliveries - this.#deliveries, now - this.#sampledAt),
      eventLoopDelayP99Ms: delays.p99Ms,
      eventLoopDelayMaxMs: delays.maxMs,
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      uptimeSeconds: Math.round(process.uptime()),
    })
    this.#deliveries = deliveries
    this.#sampledAt = now
    this.#options.onDelays?.(delays)
  }
}

function perSecond(count: number, elapsedMs: number): number {
  return elapsedMs > 0 ? Math.round((count / elapsedMs) * 10_000) / 10 : 0
}
