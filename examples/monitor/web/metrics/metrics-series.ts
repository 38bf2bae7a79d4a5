import type { MetricsEvent } from '../../shared/events.js'

/** Samples come every second. A longer distance between two breaks the line. */
const silenceMs = 3_000

/** A column of seconds since the epoch, and one per line, with `null` where the line is broken, as uPlot expects. */
export type Series = [times: number[], ...lines: (number | null)[][]]

/** Turns samples into columns, one per picked value. */
export function toSeries(
  samples: readonly MetricsEvent[],
  picks: readonly ((sample: MetricsEvent) => number)[],
): Series {
  const series: Series = [[], ...picks.map(() => [])]
  let previous: MetricsEvent | undefined
  for (const sample of samples) {
    if (previous && sample.timestamp - previous.timestamp > silenceMs) push(series, previous.timestamp + 1, null)
    push(series, sample.timestamp, (line) => picks[line]!(sample))
    previous = sample
  }
  return series
}

function push([times, ...lines]: Series, timestamp: number, value: null | ((line: number) => number)): void {
  times.push(timestamp / 1_000)
  lines.forEach((line, index) => {
    line.push(value === null ? null : value(index))
  })
}
