export const width = 760

/**
 * Creates a picture without a background, whose colors follow the reader's preference, so that it is readable on light and
 * dark pages.
 */
export function picture(title: string, note: string, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .panel { font-weight: 600 }
  .label { text-anchor: end }
  .middle { text-anchor: middle }
  .strong { font-weight: 600 }
  .note { font-size: 11px; fill: #59636e }
  .own { fill: #0969da }
  .peer { fill: #8c959f }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .limit { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .own { fill: #58a6ff }
    .peer { fill: #6e7681 }
    .axis { stroke: #6e7681 }
    .limit { stroke: #ff7b72 }
  }
</style>
${text(0, 20, title, 'title')}
${parts.join('\n')}
${text(0, height - 10, note, 'note')}
</svg>
`
}

export function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${x.toFixed(0)}" y="${y}">${escapeXml(content)}</text>`
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
