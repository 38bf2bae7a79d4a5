import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Follows every link with an anchor in the built pages. VitePress checks only the pages of links, so it would not notice
 * a renamed heading.
 *
 * @throws {Error} naming each missing anchor.
 */
export function checkAnchors(outDir: string): void {
  const pages = new Map(
    readdirSync(outDir, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.html'))
      .map((file) => [pathOf(file), readFileSync(join(outDir, file), 'utf8')] as const),
  )
  const dead: string[] = []
  for (const [path, html] of pages) {
    for (const [, target] of html.matchAll(/<a [^>]*href="([^"]*#[^"]+)"/g)) {
      const { pathname, hash, origin } = new URL(target!, `http://site${path}`)
      if (origin !== 'http://site') continue
      const id = decodeURIComponent(hash.slice(1))
      if (!pages.get(pathname)?.includes(` id="${id}"`)) dead.push(`${path} → ${target}`)
    }
  }
  if (dead.length > 0) throw new Error(`Links to missing anchors:\n${dead.join('\n')}`)
}

function pathOf(file: string): string {
  return `/${file
    .replaceAll('\\', '/')
    .replace(/(^|\/)index\.html$/, '$1')
    .replace(/\.html$/, '')}`
}
