import type { Middleware } from 'koa'

export interface RequestSample {
  readonly requests: number
  readonly errors: number
  readonly p50Ms: number
  readonly p95Ms: number
}

/** Measures every request that Koa answers: event streams, which end when their reader leaves, are answered without it. */
export class RequestMeter {
  #durations: number[] = []
  #errors = 0

  readonly middleware: Middleware = async (context, next) => {
    const startedAt = performance.now()
    const count = (status: number) => {
      this.#durations.push(performance.now() - startedAt)
      if (status >= 500) this.#errors++
    }
    try {
      await next()
    } catch (error) {
      // Koa turns it into a response only after the last middleware.
      count((error as { status?: number }).status ?? 500)
      throw error
    }
    if (context.respond !== false) count(context.status)
  }

  /** Returns the requests that ended since the last call. */
  take(): RequestSample {
    const durations = this.#durations.sort((a, b) => a - b)
    const sample = {
      requests: durations.length,
      errors: this.#errors,
      p50Ms: percentile(durations, 0.5),
      p95Ms: percentile(durations, 0.95),
    }
    this.#durations = []
    this.#errors = 0
    return sample
  }
}

/** Returns the smallest value that this share of the sorted values does not exceed, rounded to hundredths; 0 if there is none. */
export function percentile(sorted: readonly number[], part: number): number {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0
  return Math.round(value * 100) / 100
}
