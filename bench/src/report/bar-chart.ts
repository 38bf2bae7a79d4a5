export interface Bar {
  readonly label: string
  readonly value: number
  /** Ours stands out. */
  readonly own: boolean
}

export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

const width = 760
const labelWidth = 180
const valueWidth = 70
const rowHeight = 22
const titleHeight = 34

/**
 * Draws panels of horizontal bars, each panel with a scale of its own. The picture has no background, and its colours
 * follow the reader's preference, so that it can be read on a light page and on a dark one.
 */
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
    for (const { label, value, own } of panel.bars) {
      const length = Math.max(1, (value / largest) * (width - labelWidth - valueWidth))
      const kind = own ? 'own' : 'peer'
      parts.push(
        text(labelWidth - 10, y + 14, label, `label ${own ? 'strong' : ''}`.trim()),
        `<rect class="${kind}" x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 6}" rx="2"/>`,
        text(labelWidth + length + 8, y + 14, format(value), 'value'),
      )
      y += rowHeight
    }
  }
  const height = y + 34
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .panel { font-weight: 600 }
  .label { text-anchor: end }
  .strong { font-weight: 600 }
  .note { font-size: 11px; fill: #59636e }
  .own { fill: #0969da }
  .peer { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .own { fill: #58a6ff }
    .peer { fill: #6e7681 }
  }
</style>
${text(0, 20, title, 'title')}
${parts.join('\n')}
${text(0, height - 10, note, 'note')}
</svg>
`
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${x.toFixed(0)}" y="${y}">${escapeXml(content)}</text>`
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
