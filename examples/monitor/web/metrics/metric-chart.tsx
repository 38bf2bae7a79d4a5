import { type ReactElement, useEffect, useInsertionEffect, useRef } from 'react'
import uPlot from 'uplot'
import { useTheme } from '../look/use-theme.js'
import type { Series } from './metrics-series.js'

export interface MetricChartProps {
  series: Series
  /** Top of the scale, whose bottom is 0. */
  top: number
  /** The time that the chart shows, up to the last sample. */
  spanSeconds: number
  /** Index of the sample under the pointer, in any chart; `undefined` when the pointer leaves. */
  onHover: (index: number | undefined) => void
}

/** A line over the last minutes. Its card has the numbers as text, so the drawing is decoration. */
export function MetricChart({ series, top, spanSeconds, onHover }: MetricChartProps): ReactElement {
  const theme = useTheme()
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const latest = useRef({ series, top, spanSeconds, onHover })
  useInsertionEffect(() => {
    latest.current = { series, top, spanSeconds, onHover }
  })
  const lines = series.length - 1

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read from the stylesheet, which the theme changes
  useEffect(() => {
    const element = host.current!
    const plot = new uPlot(
      options(element, lines, () => latest.current),
      latest.current.series,
      element,
    )
    chart.current = plot
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect
      plot.setSize({ width, height })
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [theme, lines])

  useEffect(() => chart.current?.setData(series), [series])

  return <div ref={host} className="chart" />
}

type Latest = () => Pick<MetricChartProps, 'series' | 'top' | 'spanSeconds' | 'onHover'>

function options(element: HTMLElement, lines: number, latest: Latest): uPlot.Options {
  const colours = getComputedStyle(element)
  const stroke = colours.color
  const grid = colours.borderTopColor
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [1, 0, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, width: 2 }, sync: { key: 'metrics' } },
    scales: {
      x: { range: (_plot, _min, max) => [max - latest().spanSeconds, max] },
      y: { range: () => [0, latest().top] },
    },
    axes: [
      {
        size: 0,
        grid: { stroke: grid, width: 1 },
        ticks: { show: false },
        splits: (_plot, _axis, min, max) => minutes(min, max),
        values: () => [],
      },
      { size: 0, grid: { show: false }, ticks: { show: false }, values: () => [] },
    ],
    series: [
      {},
      ...Array.from({ length: lines }, (_, line) => ({
        stroke,
        width: line === 0 ? 1.5 : 1,
        dash: line === 0 ? undefined : [3, 3],
        fill: line === 0 ? `color-mix(in srgb, ${stroke} 12%, transparent)` : undefined,
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [
        (plot) => {
          const index = plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.cursor.idx : undefined
          latest().onHover(index ?? undefined)
        },
      ],
    },
  }
}

/** Full minutes within the span, for thin grid lines. */
function minutes(min: number, max: number): number[] {
  const splits = []
  for (let at = Math.ceil(min / 60) * 60; at <= max; at += 60) splits.push(at)
  return splits
}
