import type { MetricsEvent } from '../shared/events.js'

/** A sample later than this after the one before leaves a hole in the chart: nothing was measured, or nothing came. */
export const holeMs = 2_500

export interface Point {
  readonly x: number
  /** `null` breaks the line. */
  readonly y: number | null
}

/** The points of one line, with a hole wherever samples are missing. */
export function pointsOf(samples: readonly MetricsEvent[], read: (sample: MetricsEvent) => number): Point[] {
  const points: Point[] = []
  for (const sample of samples) {
    const last = points.at(-1)
    if (last && sample.timestamp - last.x > holeMs) points.push({ x: last.x + 1, y: null })
    points.push({ x: sample.timestamp, y: read(sample) })
  }
  return points
}
