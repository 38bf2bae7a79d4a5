import { expect, test } from 'vitest'
import { type InputType, initialState, type Rule, transitions } from './connection-machine.js'

/** The machine's table as a Mermaid diagram: one arrow for each pair of statuses, with what leads from one to the other. */
function diagram(): string {
  const arrows = new Map<string, string[]>()
  for (const [status, inputs] of Object.entries(transitions)) {
    for (const [input, rules] of Object.entries<readonly Rule[]>(inputs)) {
      for (const { when, to } of rules) {
        const arrow = `${status} --> ${to}`
        arrows.set(arrow, [...(arrows.get(arrow) ?? []), when ? `${input} [${when}]` : input])
      }
    }
  }
  const lines = [...arrows].map(([arrow, labels]) => `  ${arrow}: ${labels.join(', ')}`)
  return ['stateDiagram-v2', `  [*] --> ${initialState.status}`, ...lines].join('\n')
}

/** The same as a table: what each input does in each status. */
function table(): string {
  const statuses = Object.keys(transitions) as (keyof typeof transitions)[]
  const inputs = [...new Set(statuses.flatMap((status) => Object.keys(transitions[status])))] as InputType[]
  const cell = ({ when, to, effects = [] }: Rule) =>
    [when && `if ${when}:`, `→ ${to}`, effects.length > 0 && `(${effects.join(', ')})`].filter(Boolean).join(' ')
  const rows = inputs.map((input) => [
    input,
    ...statuses.map((status) => transitions[status][input]?.map(cell).join('; else ') ?? ''),
  ])
  const cells = [['', ...statuses], ...rows]
  const widths = ['', ...statuses].map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`)
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [lines[0], rule, ...lines.slice(1)].join('\n')
}

test('the documented diagram matches the machine’s table', async () => {
  const page = `# The connection's states

This page is generated from the table in \`src/connection-machine.ts\`: \`npx vitest run -u diagram\` writes it anew.

\`\`\`mermaid
${diagram()}
\`\`\`

What each input does in each status, with the effects in their order. An empty cell: nothing happens.

${table()}
`
  await expect(page).toMatchFileSnapshot('../../docs/connection-states.md')
})
