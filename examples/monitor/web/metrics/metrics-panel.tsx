import type { ReactElement } from 'react'
import type { MetricsEvent } from '../../shared/events.js'
import { formatAmount, formatMebibytes } from '../format.js'
import type { Theme } from '../use-theme.js'
import { MetricCard, type MetricDefinition } from './metric-card.js'

const metrics: readonly MetricDefinition[] = [
  {
    title: 'Open streams',
    unit: '',
    picks: [({ connections }) => connections],
    format: formatAmount,
    floor: 4,
  },
  {
    title: 'Deliveries',
    unit: '/s',
    picks: [({ deliveriesPerSecond }) => deliveriesPerSecond],
    format: formatAmount,
    floor: 10,
  },
  {
    title: 'Event-loop delay p99',
    unit: 'ms',
    picks: [({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms, ({ eventLoopDelayMaxMs }) => eventLoopDelayMaxMs],
    format: formatAmount,
    floor: 20,
    secondName: 'max',
  },
  {
    title: 'Memory',
    unit: 'MiB',
    picks: [({ rssBytes }) => rssBytes, ({ heapUsedBytes }) => heapUsedBytes],
    format: formatMebibytes,
    floor: 64 * 1024 ** 2,
    secondName: 'heap',
  },
]

export interface MetricsPanelProps {
  samples: readonly MetricsEvent[]
  /** `true` if the last sample is current. Without a connection the panel is dimmed. */
  live: boolean
  theme: Theme
}

export function MetricsPanel({ samples, live, theme }: MetricsPanelProps): ReactElement {
  return (
    <section className={`metrics${live ? '' : ' metrics--stale'}`} aria-label="Metrics of the last five minutes">
      {metrics.map((metric) => (
        <MetricCard key={metric.title} metric={metric} samples={samples} theme={theme} />
      ))}
    </section>
  )
}
