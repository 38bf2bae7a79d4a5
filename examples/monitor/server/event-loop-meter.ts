import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface EventLoopSample {
  readonly p99Ms: number
  readonly maxMs: number
}

const resolutionMs = 10

/** Measures the delay with which the event loop runs its timers. */
export class EventLoopMeter {
  /**
   * A histogram misses everything between its reset and its next tick. On a constantly blocked loop, that
   * is everything. So there are two, reset in turn, and each reading uses the one that was reset earlier.
   */
  readonly #histograms: [IntervalHistogram, IntervalHistogram] = [
    monitorEventLoopDelay({ resolution: resolutionMs }),
    monitorEventLoopDelay({ resolution: resolutionMs }),
  ]

  start(): void {
    for (const histogram of this.#histograms) histogram.enable()
  }

  stop(): void {
    for (const histogram of this.#histograms) histogram.disable()
  }

  /** Returns the delays since the call before the last one: with a call per second, those of the last two seconds. */
  take(): EventLoopSample {
    const [older] = this.#histograms
    const sample = { p99Ms: toDelayMs(older.percentile(99)), maxMs: toDelayMs(older.max) }
    older.reset()
    this.#histograms.reverse()
    return sample
  }
}

/** Node records the distance between two ticks, so subtract the length of a tick. */
function toDelayMs(nanoseconds: number): number {
  return Math.max(0, Math.round((nanoseconds / 1e6 - resolutionMs) * 100) / 100)
}
