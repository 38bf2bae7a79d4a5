import { type ReactElement, useId, useMemo, useState } from 'react'
import type { MetricsEvent } from '../../shared/events.js'
import { formatTime } from '../format.js'
import type { Theme } from '../use-theme.js'
import { MetricChart } from './metric-chart.js'
import { toSeries } from './metrics-series.js'

export interface MetricDefinition {
  readonly title: string
  readonly unit: string
  /** Values to draw; the first one is also shown as a number. */
  readonly picks: readonly ((sample: MetricsEvent) => number)[]
  readonly format: (value: number) => string
  /** Minimum top of the scale. */
  readonly floor: number
  /** Label of the second value. */
  readonly secondName?: string
}

export interface MetricCardProps {
  metric: MetricDefinition
  samples: readonly MetricsEvent[]
  theme: Theme
}

/** Shows the latest value and the last five minutes as a line; under the pointer, the value at that moment. */
export function MetricCard({ metric, samples, theme }: MetricCardProps): ReactElement {
  const { title, unit, picks, format, floor, secondName } = metric
  const titleId = useId()
  const series = useMemo(() => toSeries(samples, picks), [samples, picks])
  const [hovered, setHovered] = useState<number>()
  const [times, ...lines] = series
  const at = hovered ?? times.length - 1
  const show = (value: number | null | undefined): string => (value == null ? '–' : format(value))
  const peak = lines.flat().reduce<number>((highest, value) => Math.max(highest, value ?? 0), 0)

  return (
    <section className="panel metric" aria-labelledby={titleId}>
      <h2 id={titleId} className="metric__title">
        {title}
      </h2>
      <p className="metric__value">
        {show(lines[0]![at])}
        <span className="metric__unit">{unit}</span>
      </p>
      <p className="metric__notes">
        {hovered !== undefined && times[at] !== undefined && <span>{formatTime(times[at] * 1_000)}</span>}
        {secondName && (
          <span>
            {secondName} {show(lines[1]?.[at])}
          </span>
        )}
        {hovered === undefined && <span>peak {format(peak)}</span>}
      </p>
      <MetricChart series={series} floor={floor} theme={theme} onHover={setHovered} />
    </section>
  )
}
