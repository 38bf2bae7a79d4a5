import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const sections = { 'start/': 'Start', 'guide/': 'Guides', 'errors/': 'Error codes' }

/**
 * Writes `llms.txt`, a list of the pages, and `llms-full.txt`, their text, for language models
 * (https://llmstxt.org). The packages' READMEs replace the reference, which only repeats the types.
 *
 * @param root The folder `docs`.
 */
export function writeLlmsTxt(root: string, pages: readonly string[], outDir: string): void {
  const { repository } = JSON.parse(readFileSync(join(root, '../package.json'), 'utf8'))
  const read = (page: string) => readFileSync(join(root, page), 'utf8')
  const head =
    '# Rivulet\n\n> Typed Server-Sent Events from publish to React hook. Every event arrives once, or you are told of the gap.\n'
  const readmes = [
    'core',
    'server',
    'server-express',
    'server-koa',
    'client',
    'react',
    'vue',
    'backplane-redis',
    'backplane-sqlite',
    'backplane-postgres',
    'ai',
    'testing',
  ]
  const lists = Object.entries(sections).map(([folder, title]) => {
    const own = pages.filter((page) => page.startsWith(folder)).sort()
    return `## ${title}\n\n${own.map((page) => entry(`${repository}/blob/main/docs/${page}`, read(page))).join('\n')}\n`
  })
  const packages = readmes.map((name) =>
    entry(`${repository}/blob/main/packages/${name}/README.md`, read(`../packages/${name}/README.md`)),
  )
  writeFileSync(join(outDir, 'llms.txt'), `${head}\n${lists.join('\n')}\n## Packages\n\n${packages.join('\n')}\n`)
  const all = Object.keys(sections).flatMap((folder) => pages.filter((page) => page.startsWith(folder)).sort())
  writeFileSync(join(outDir, 'llms-full.txt'), `${head}\n${all.map((page) => read(page).trim()).join('\n\n')}\n`)
}

/** One line of the list: the title, the full address, and the page's description or first paragraph. */
function entry(address: string, markdown: string): string {
  const title = /^# (.+)$/m.exec(markdown)![1]!
  const description = /^description: "?(.+?)"?$/m.exec(markdown)?.[1] ?? firstParagraph(markdown)
  return `- [${title}](${address}): ${description}`
}

function firstParagraph(markdown: string): string {
  const body = markdown.slice(/^# .*$/m.exec(markdown)!.index).replace(/^# .*/, '')
  return /^[A-Z`](?:.+\n)+/m
    .exec(body)![0]
    .trim()
    .replaceAll('\n', ' ')
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
}
