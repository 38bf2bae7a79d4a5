import type { Metrics } from '../shared/events.js'
import { formatMegabytes, formatMs, formatNumber, formatPercent } from './format.js'

/** One line of a chart. */
export interface Line {
  readonly name: string
  readonly metric: keyof Metrics
  /** Name of a custom property in the stylesheet. */
  readonly color: string
}

export interface Chart {
  readonly title: string
  readonly format: (value: number) => string
  readonly lines: readonly Line[]
  /** Minimum range of the axis, so that noise does not look like trouble. */
  readonly atLeast: number
}

export const charts: readonly Chart[] = [
  {
    title: 'Requests per second',
    format: formatNumber,
    atLeast: 10,
    lines: [
      { name: 'Requests', metric: 'requestsPerSecond', color: '--line-1' },
      { name: 'Errors', metric: 'errorsPerSecond', color: '--line-bad' },
    ],
  },
  {
    title: 'Latency',
    format: formatMs,
    atLeast: 20,
    lines: [
      { name: '95th percentile', metric: 'latencyP95Ms', color: '--line-2' },
      { name: 'Median', metric: 'latencyP50Ms', color: '--line-1' },
    ],
  },
  {
    title: 'Processor and event loop',
    format: formatNumber,
    atLeast: 20,
    lines: [
      { name: 'CPU, %', metric: 'cpuPercent', color: '--line-1' },
      { name: 'Event-loop delay, ms', metric: 'eventLoopDelayMs', color: '--line-2' },
    ],
  },
  {
    title: 'Memory',
    format: formatMegabytes,
    atLeast: 50e6,
    lines: [
      { name: 'Resident', metric: 'rssBytes', color: '--line-2' },
      { name: 'Heap in use', metric: 'heapUsedBytes', color: '--line-1' },
    ],
  },
]

export interface Tile {
  readonly name: string
  readonly metric: keyof Metrics
  readonly format: (value: number) => string
}

export const tiles: readonly Tile[] = [
  { name: 'Requests/s', metric: 'requestsPerSecond', format: formatNumber },
  { name: 'Errors/s', metric: 'errorsPerSecond', format: formatNumber },
  { name: 'Latency, p95', metric: 'latencyP95Ms', format: formatMs },
  { name: 'CPU', metric: 'cpuPercent', format: formatPercent },
  { name: 'Memory', metric: 'rssBytes', format: formatMegabytes },
  { name: 'Streams', metric: 'streams', format: formatNumber },
]
