import { type ReactElement, useId, useMemo, useState } from 'react'
import type { MetricsEvent } from '../../shared/events.js'
import { formatAmount, formatQuantity, formatTime } from '../format.js'
import { MetricChart } from './metric-chart.js'
import { toSeries } from './metrics-series.js'
import { roundUp, spanSeconds } from './scale.js'

export interface MetricDefinition {
  readonly title: string
  readonly unit: string
  /** Values to draw; the first one is also shown as a number. */
  readonly picks: readonly ((sample: MetricsEvent) => number)[]
  /** Minimum top of the scale, so that an idle line does not look like a mountain range. */
  readonly floor: number
  /** Label of the second value. */
  readonly secondName?: string
}

export interface MetricCardProps {
  metric: MetricDefinition
  samples: readonly MetricsEvent[]
}

/** Shows the latest value and the last minutes as a line; under the pointer, the value at that moment. */
export function MetricCard({ metric, samples }: MetricCardProps): ReactElement {
  const { title, unit, picks, floor, secondName } = metric
  const titleId = useId()
  const series = useMemo(() => toSeries(samples, picks), [samples, picks])
  const [hovered, setHovered] = useState<number>()
  const [times, ...lines] = series
  const at = hovered ?? times.length - 1
  const value = lines[0]![at]
  const second = lines[1]?.[at]
  const peak = lines.flat().reduce<number>((highest, value) => Math.max(highest, value ?? 0), 0)
  // With some room, so that the line does not run along the top.
  const top = roundUp(Math.max(peak * 1.05, floor))
  const span = spanSeconds(times)

  return (
    <section className="panel metric" aria-labelledby={titleId}>
      <h2 id={titleId} className="metric__title">
        {title}
      </h2>
      <p className="metric__value">
        {value == null ? '–' : formatAmount(value)}
        <span className="metric__unit">{unit && `\u00a0${unit}`}</span>
      </p>
      <p className="metric__notes">
        {secondName && (
          <span>
            {secondName} {second == null ? '–' : formatQuantity(second, unit)}
          </span>
        )}
        {hovered === undefined ? (
          <span>peak {formatQuantity(peak, unit)}</span>
        ) : (
          times[at] !== undefined && <span>{formatTime(times[at] * 1_000)}</span>
        )}
      </p>
      <div className="metric__plot" aria-hidden="true">
        <span className="metric__top">{formatQuantity(top, unit)}</span>
        <span className="metric__bottom">0</span>
        <MetricChart series={series} top={top} spanSeconds={span} onHover={setHovered} />
        <span className="metric__from">{span / 60} min ago</span>
        <span className="metric__to">now</span>
      </div>
    </section>
  )
}
