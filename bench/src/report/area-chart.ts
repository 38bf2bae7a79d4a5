import { picture, text, width } from './svg.js'

export interface Area {
  readonly label: string
  /** One value per time step. */
  readonly values: readonly number[]
  /** Highlights our own. */
  readonly own: boolean
}

export interface AreaPanel {
  readonly title: string
  /** Each is drawn over the previous one. */
  readonly areas: readonly Area[]
  /** A horizontal line at this value. */
  readonly limit: { readonly label: string; readonly value: number }
}

const left = 80
const plotHeight = 130
const titleHeight = 34
const legendHeight = 24
const axisHeight = 24
const tick = 30

/** Draws panels of values over time, in seconds. All panels have the same two scales. */
export function areaChart(
  title: string,
  note: string,
  panels: readonly AreaPanel[],
  format: (value: number) => string,
): string {
  const all = panels.flatMap(({ areas }) => areas.map(({ values }) => values))
  const seconds = Math.max(...all.map(({ length }) => length))
  const largest = Math.max(...all.flat())
  const x = (second: number) => left + (second / seconds) * (width - left - 1)
  const parts: string[] = []
  let y = 30
  for (const { title, areas, limit } of panels) {
    y += titleHeight
    parts.push(text(0, y - 12, title, 'panel'), ...legend(y, areas, limit.label))
    y += legendHeight
    const base = y + plotHeight
    const height = (value: number) => base - (value / largest) * plotHeight
    for (const { values, own } of areas) {
      const steps = values.map((value, second) => `V${height(value).toFixed(1)}H${x(second + 1).toFixed(1)}`)
      parts.push(`<path class="${own ? 'own' : 'peer'}" d="M${left} ${base}${steps.join('')}V${base}Z"/>`)
    }
    parts.push(
      `<path class="limit" d="M${left} ${height(limit.value).toFixed(1)}H${width}"/>`,
      `<path class="axis" d="M${left} ${base}H${width}"/>`,
      text(left - 8, y + 10, format(largest), 'label'),
      text(left - 8, base, '0', 'label'),
    )
    for (let second = 0; second < seconds; second += tick)
      parts.push(text(x(second), base + 16, `${second} s`, second === 0 ? 'note' : 'note middle'))
    y = base + axisHeight
  }
  return picture(title, note, y + 34, parts)
}

function legend(y: number, areas: readonly Area[], limit: string): string[] {
  let x = left
  const entry = (mark: string, label: string) => {
    const parts = [mark, text(x + 18, y + 8, label, 'value')]
    x += 40 + label.length * 7
    return parts
  }
  const square = (kind: string) => `<rect class="${kind}" x="${x}" y="${y - 2}" width="12" height="12" rx="2"/>`
  return [
    ...areas.flatMap(({ label, own }) => entry(square(own ? 'own' : 'peer'), label)),
    ...entry(`<path class="limit" d="M${x} ${y + 4}h12"/>`, limit),
  ]
}
