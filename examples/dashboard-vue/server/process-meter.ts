import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const resolutionMs = 10

export interface ProcessSample {
  readonly eventLoopDelayMs: number
  readonly cpuPercent: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
}

/** Measures this process. */
export class ProcessMeter {
  readonly #delays: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs })
  #cpu = process.cpuUsage()
  #takenAt = performance.now()

  start(): void {
    this.#delays.enable()
  }

  stop(): void {
    this.#delays.disable()
  }

  /** Returns the measurements since the last call. */
  take(): ProcessSample {
    const now = performance.now()
    const { user, system } = process.cpuUsage(this.#cpu)
    const { heapUsed, rss } = process.memoryUsage()
    const sample = {
      // Node records the distance between two ticks, so subtract the length of a tick.
      eventLoopDelayMs: Math.max(0, Math.round((this.#delays.max / 1e6 - resolutionMs) * 10) / 10),
      cpuPercent: Math.round((user + system) / (now - this.#takenAt)) / 10,
      heapUsedBytes: heapUsed,
      rssBytes: rss,
    }
    this.#delays.reset()
    this.#cpu = process.cpuUsage()
    this.#takenAt = now
    return sample
  }
}
