import { fileURLToPath } from 'node:url'
import { engines, groups } from './matrix.js'
import { readResults } from './results.js'

export const pageFile: string = fileURLToPath(new URL('../../docs/guide/compatibility.md', import.meta.url))

/** Builds the compatibility page from the matrix and its results. */
export function compatibilityPage(): string {
  const results = engines.map(({ name }) => readResults(name))
  const remarks: string[] = []
  const remark = (text: string) => {
    if (!remarks.includes(text)) remarks.push(text)
    return ` [${remarks.indexOf(text) + 1}](#remarks)`
  }
  const tables = groups.map(({ name: group, checks }) => {
    const rows = checks.map(({ name, exceptions, notes }) => {
      const cells = results.map(({ engine, checks: outcomes }) => {
        const note = notes?.[engine]
        if (exceptions?.[engine]) return `–${remark(exceptions[engine])}`
        return (outcomes[`${group}: ${name}`] === 'passed' ? 'yes' : '**no**') + (note ? remark(note) : '')
      })
      return `| ${name} | ${cells.join(' | ')} |`
    })
    const head = `| | ${results.map(({ engine }) => engine).join(' | ')} |`
    return [`## ${group}`, '', head, `|---|${'---|'.repeat(results.length)}`, ...rows].join('\n')
  })
  const versions = results.map(({ engine, version }) => `${engine} ${version}`).join(', ')
  return [
    '---',
    'description: "What works in Chromium, Firefox and WebKit, as checked in each of them."',
    '---',
    '',
    '# Browsers',
    '',
    'Each line is a check that `npm run test:browsers` in the repository runs in each engine, against real servers.',
    `These are the results with ${versions}, the versions of Debian 12. WebKit is WebKitGTK: Safari shares its engine, but not its network code.`,
    '',
    tables.join('\n\n'),
    '',
    '## Remarks',
    '',
    ...remarks.map((text, index) => `${index + 1}. ${text}`),
    '',
  ].join('\n')
}
