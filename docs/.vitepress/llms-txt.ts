import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sections = ['start/', 'guide/', 'errors/', 'reference/']

/**
 * Writes `llms.txt`, the list of the pages, and `llms-full.txt`, the pages themselves, for language models
 * (https://llmstxt.org). Of the reference only the packages are listed: it says what their types say.
 */
export function writeLlmsTxt(root: string, pages: readonly string[], outDir: string): void {
  const entries = sections.flatMap((section) =>
    pages
      .filter((page) => page.startsWith(section) && (section !== 'reference/' || page.endsWith('index.md')))
      .sort()
      .map((page) => ({ page, section, markdown: readFileSync(join(root, page), 'utf8') })),
  )
  const head = '# Rivulet\n\n> Typed Server-Sent Events from publish to React hook, exact about what was delivered.\n'
  const list = entries.map(({ page, markdown }) => `- [${titleOf(markdown)}](/${page.replace(/(?:index)?\.md$/, '')})`)
  writeFileSync(join(outDir, 'llms.txt'), `${head}\n${list.join('\n')}\n`)
  const texts = entries.filter(({ section }) => section !== 'reference/').map(({ markdown }) => markdown.trim())
  writeFileSync(join(outDir, 'llms-full.txt'), `${head}\n${texts.join('\n\n')}\n`)
}

function titleOf(markdown: string): string {
  return /^# (.+)$/m.exec(markdown)![1]!
}
