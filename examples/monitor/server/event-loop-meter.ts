import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

export interface EventLoopSample {
  readonly p99Ms: number
  readonly maxMs: number
}

const resolutionMs = 10

/** Measures how late the event loop runs its timers. */
export class EventLoopMeter {
  /**
   * A histogram misses what happens between its reset and its next tick, and on a loop that is held up all the time that
   * is everything. So there are two, emptied in turn, and each reading is of the one that was emptied longer ago.
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

  /** The delays since the call before the last one: with a call a second, the last two seconds. */
  take(): EventLoopSample {
    const [older] = this.#histograms
    const sample = { p99Ms: toDelayMs(older.percentile(99)), maxMs: toDelayMs(older.max) }
    older.reset()
    this.#histograms.reverse()
    return sample
  }
}

/** Node records the distance between two ticks, so one tick's length is taken off. */
function toDelayMs(nanoseconds: number): number {
  return Math.max(0, Math.round((nanoseconds / 1e6 - resolutionMs) * 100) / 100)
}
