import type { ReactElement } from 'react'
import type { MetricsEvent } from '../../shared/events.js'
import { MetricCard, type MetricDefinition } from './metric-card.js'

const mebibyte = 1024 ** 2

const metrics: readonly MetricDefinition[] = [
  {
    title: 'Open streams',
    unit: '',
    picks: [({ connections }) => connections],
    floor: 4,
  },
  {
    title: 'Deliveries',
    unit: '/s',
    picks: [({ deliveriesPerSecond }) => deliveriesPerSecond],
    floor: 10,
  },
  {
    title: 'Loop delay, p99',
    unit: 'ms',
    picks: [({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms, ({ eventLoopDelayMaxMs }) => eventLoopDelayMaxMs],
    floor: 20,
    secondName: 'max',
  },
  {
    title: 'Memory',
    unit: 'MiB',
    picks: [({ rssBytes }) => rssBytes / mebibyte, ({ heapUsedBytes }) => heapUsedBytes / mebibyte],
    floor: 100,
    secondName: 'heap',
  },
]

export interface MetricsPanelProps {
  samples: readonly MetricsEvent[]
  /** `true` if the last sample is current. Without a connection the panel is dimmed. */
  live: boolean
}

export function MetricsPanel({ samples, live }: MetricsPanelProps): ReactElement {
  return (
    <section className={`metrics${live ? '' : ' metrics--stale'}`} aria-label="Metrics of the last five minutes">
      {metrics.map((metric) => (
        <MetricCard key={metric.title} metric={metric} samples={samples} />
      ))}
    </section>
  )
}
