// `npm run diagrams --workspace docs` draws the guides' sequence diagrams into docs/images/<name>.svg. With `--check` it writes nothing
// and fails if a picture is out of date.
//
// A picture is 380 wide, so that its text is readable on a phone without zooming.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { diagrams } from './diagrams.mjs'

const width = 380
const top = 58
const lineHeight = 17

const style = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328; paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round }
  .name { font-weight: 600; text-anchor: middle; stroke: none }
  .label { text-anchor: middle }
  .note { font-size: 12px; fill: #59636e; text-anchor: middle }
  .box { fill: #f6f8fa; stroke: #8c959f }
  .life { stroke: #8c959f; stroke-dasharray: 2 4 }
  .arrow { stroke: #0969da; stroke-width: 1.5; fill: none }
  .head { fill: #0969da }
  .gap { stroke: #cf222e } .gaphead { fill: #cf222e } text.gaptext { fill: #cf222e; font-weight: 600 }
  .lost { stroke: #cf222e; stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; stroke: #1b1b1f }
    .note { fill: #9198a1 }
    .box { fill: #161b22; stroke: #6e7681 }
    .life { stroke: #6e7681 }
    .arrow { stroke: #58a6ff } .head { fill: #58a6ff }
    .gap, .lost { stroke: #ff7b72 } .gaphead { fill: #ff7b72 } text.gaptext { fill: #ff7b72 }
  }
`

const escapeXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** @param diagram `{ title, lanes, steps }`; a step is `[from, to, label, kind?]` or a note, `[lane, text]` or `['', text]`. */
function draw({ title, lanes, steps }) {
  const x = new Map(lanes.map((lane, index) => [lane, (width / lanes.length) * (index + 0.5)]))
  const parts = []
  let y = top
  for (const step of steps) {
    const lines = (step.length === 2 ? step[1] : step[2]).split('\n')
    if (step.length === 2) {
      const center = step[0] === '' ? width / 2 : x.get(step[0])
      y += 10
      for (const line of lines) {
        y += lineHeight
        parts.push(text('note', center, y, line))
      }
      y += 4
      continue
    }
    const [from, to, , kind = ''] = step
    const [start, end] = [x.get(from), x.get(to)]
    y += 8
    for (const line of lines) {
      y += lineHeight
      parts.push(text(kind === 'gap' ? 'label gaptext' : 'label', (start + end) / 2, y, line))
    }
    y += 7
    const direction = Math.sign(end - start)
    const tip = kind === 'lost' ? (start + end) / 2 : end - direction * 2
    parts.push(`<path class="arrow ${kind}" d="M${start} ${y}H${tip - direction * 7}"/>`)
    if (kind === 'lost') parts.push(`<path class="arrow gap" d="M${tip - 5} ${y - 5}l10 10m0 -10l-10 10"/>`)
    else parts.push(`<path class="${kind === 'gap' ? 'gaphead' : 'head'}" d="M${tip} ${y}l${-direction * 8} -4v8z"/>`)
    y += 4
  }
  const height = y + 24
  const heads = lanes.map((lane) => {
    const center = x.get(lane)
    const half = Math.min(width / lanes.length / 2 - 4, 62)
    return (
      `<path class="life" d="M${center} 50V${height - 8}"/>` +
      `<rect class="box" x="${center - half}" y="22" width="${half * 2}" height="28" rx="6"/>` +
      text('name', center, 41, lane)
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(title)}">
<style>${style}</style>
${[...heads, ...parts].join('\n')}
</svg>
`
}

function text(kind, x, y, content) {
  return `<text class="${kind}" x="${x}" y="${y}">${escapeXml(content)}</text>`
}

const check = process.argv.includes('--check')
for (const [name, diagram] of Object.entries(diagrams)) {
  const file = fileURLToPath(new URL(`../images/${name}.svg`, import.meta.url))
  const svg = draw(diagram)
  if (!check) writeFileSync(file, svg)
  else if (readFileSync(file, 'utf8') !== svg)
    throw new Error(`${name}.svg is out of date: npm run diagrams --workspace docs`)
}
