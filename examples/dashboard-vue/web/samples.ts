import type { MetricsEvent } from '../shared/events.js'

/** A longer distance between two samples leaves a hole in the chart. */
export const holeMs = 2_500

export interface Point {
  readonly x: number
  /** `null` breaks the line. */
  readonly y: number | null
}

/** Returns the points of one line, with a hole wherever samples are missing. */
export function pointsOf(samples: readonly MetricsEvent[], read: (sample: MetricsEvent) => number): Point[] {
  const points: Point[] = []
  for (const sample of samples) {
    const last = points.at(-1)
    if (last && sample.timestamp - last.x > holeMs) points.push({ x: last.x + 1, y: null })
    points.push({ x: sample.timestamp, y: read(sample) })
  }
  return points
}
