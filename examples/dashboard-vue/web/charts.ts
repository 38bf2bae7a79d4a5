import type { Metrics } from '../shared/events.js'
import { formatMebibytes, formatMs, formatNumber, formatPercent, formatPerSecond } from './format.js'

/** One line of a chart. */
export interface Line {
  readonly name: string
  /** Reads its value, in the unit of the chart. */
  readonly read: (sample: Metrics) => number
  /** Name of a custom property in the stylesheet. */
  readonly color: string
}

/** A chart has one axis, so its lines have one unit. */
export interface Chart {
  readonly title: string
  readonly format: (value: number) => string
  /** The value of the first one is also shown as a number. */
  readonly lines: readonly [Line, ...Line[]]
  /** Minimum range of the axis, so that noise does not look like trouble. */
  readonly atLeast: number
}

const mebibyte = 1024 ** 2

export const charts: readonly Chart[] = [
  {
    title: 'Requests',
    format: formatPerSecond,
    atLeast: 10,
    lines: [
      { name: 'All', read: ({ requestsPerSecond }) => requestsPerSecond, color: '--accent' },
      { name: 'Failed', read: ({ errorsPerSecond }) => errorsPerSecond, color: '--error' },
    ],
  },
  {
    title: 'Latency',
    format: formatMs,
    atLeast: 20,
    lines: [
      { name: 'p95', read: ({ latencyP95Ms }) => latencyP95Ms, color: '--second' },
      { name: 'Median', read: ({ latencyP50Ms }) => latencyP50Ms, color: '--accent' },
    ],
  },
  {
    title: 'Processor',
    format: formatPercent,
    atLeast: 20,
    lines: [{ name: 'CPU', read: ({ cpuPercent }) => cpuPercent, color: '--accent' }],
  },
  {
    title: 'Event-loop delay',
    format: formatMs,
    atLeast: 20,
    lines: [{ name: 'Delay', read: ({ eventLoopDelayMs }) => eventLoopDelayMs, color: '--accent' }],
  },
  {
    title: 'Memory',
    format: formatMebibytes,
    atLeast: 50,
    lines: [
      { name: 'Resident', read: ({ rssBytes }) => rssBytes / mebibyte, color: '--second' },
      { name: 'Heap', read: ({ heapUsedBytes }) => heapUsedBytes / mebibyte, color: '--accent' },
    ],
  },
  {
    title: 'Open streams',
    format: formatNumber,
    atLeast: 4,
    lines: [{ name: 'Streams', read: ({ streams }) => streams, color: '--accent' }],
  },
]
