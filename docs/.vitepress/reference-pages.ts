import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Lists the entry points of the generated reference for the sidebar. Returns none if the reference was not generated. */
export function referencePages(root: string): { text: string; link: string }[] {
  const file = join(root, 'reference/index.md')
  if (!existsSync(file)) return []
  const links = readFileSync(file, 'utf8').matchAll(/^- \[(.+?)\]\((.+?)index\.md\)$/gm)
  return Array.from(links, ([, text, path]) => ({ text: text!.replaceAll('\\', ''), link: `/reference/${path}` }))
}
