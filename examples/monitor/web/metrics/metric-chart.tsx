import { type ReactElement, useEffect, useInsertionEffect, useRef } from 'react'
import uPlot from 'uplot'
import type { Series } from './metrics-series.js'

/** Bounds of the time that the charts span. */
const spanSeconds = { min: 60, max: 300 }

export interface MetricChartProps {
  series: Series
  /** Top of the scale while all values are below it, so that an idle line does not look like a mountain range. */
  floor: number
  theme: string
  /** Index of the sample under the pointer, in any chart; `undefined` when the pointer leaves. */
  onHover: (index: number | undefined) => void
}

/** A line over the last five minutes. Its card has the numbers as text, so the drawing is decoration. */
export function MetricChart({ series, floor, theme, onHover }: MetricChartProps): ReactElement {
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const latest = useRef({ series, floor, onHover })
  useInsertionEffect(() => {
    latest.current = { series, floor, onHover }
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

  return <div ref={host} className="chart" aria-hidden="true" />
}

type Latest = () => Pick<MetricChartProps, 'series' | 'floor' | 'onHover'>

function options(element: HTMLElement, lines: number, latest: Latest): uPlot.Options {
  const colours = getComputedStyle(element)
  const stroke = colours.color
  const grid = colours.borderTopColor
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [4, 0, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, width: 2 }, sync: { key: 'metrics' } },
    scales: {
      x: {
        range: (_plot, min, max) => [max - Math.min(Math.max(max - min, spanSeconds.min), spanSeconds.max), max],
      },
      y: { range: (_plot, _min, max) => [0, Math.max((max ?? 0) * 1.1, latest().floor)] },
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
