import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Lists the pages of the error codes for the sidebar. Each file is named after its code. */
export function errorPages(root: string): { text: string; link: string }[] {
  return readdirSync(join(root, 'errors'))
    .filter((file) => file.startsWith('RIVULET_'))
    .sort()
    .map((file) => file.replace('.md', ''))
    .map((code) => ({ text: code, link: `/errors/${code}` }))
}
