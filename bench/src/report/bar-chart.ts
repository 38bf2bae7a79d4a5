import { picture, text, width } from './svg.js'

export interface Bar {
  readonly label: string
  readonly value: number
  /** Text after the bar, instead of the value. */
  readonly note?: string | undefined
  /** Highlights our own. */
  readonly own: boolean
}

export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

const labelWidth = 195
const valueWidth = 70
const rowHeight = 22
const titleHeight = 34

/** Draws panels of horizontal bars. Each panel has its own scale. */
export function barChart(
  title: string,
  note: string,
  panels: readonly Panel[],
  format: (value: number) => string,
): string {
  const parts: string[] = []
  let y = 30
  for (const panel of panels) {
    y += titleHeight
    parts.push(text(0, y - 12, panel.title, 'panel'))
    const largest = Math.max(...panel.bars.map(({ value }) => value))
    for (const { label, value, note, own } of panel.bars) {
      const length = Math.max(1, (value / largest) * (width - labelWidth - valueWidth))
      const kind = own ? 'own' : 'peer'
      parts.push(
        text(labelWidth - 10, y + 14, label, `label ${own ? 'strong' : ''}`.trim()),
        `<rect class="${kind}" x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 6}" rx="2"/>`,
        text(labelWidth + length + 8, y + 14, note ?? format(value), 'value'),
      )
      y += rowHeight
    }
  }
  return picture(title, note, y + 34, parts)
}
