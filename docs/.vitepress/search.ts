import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import MiniSearch, { type SearchOptions } from 'minisearch'

/** Ranks guides above the pages of error codes, and these above the reference, which names every word many times. */
export const searchOptions: SearchOptions = {
  fuzzy: 0.2,
  prefix: true,
  boost: { title: 4, text: 2, titles: 1 },
  // VitePress sends this function to the browser as text: it can use nothing from outside.
  boostDocument: (id: string) => (id.startsWith('/reference/') ? 0.05 : id.startsWith('/errors/') ? 0.2 : 1),
}

/** Queries that readers type, and a part of the address that has to come first. */
const queries: Record<string, string> = {
  logout: '/guide/channels',
  OpenAI: '/guide/foreign-streams',
  HMR: '/start/',
  Next: '/start/web',
  SvelteKit: '/start/web',
  subscribe: '/guide/',
  'change channels': '/guide/channels',
  EventManager: '/start/',
}

/**
 * Searches the built site as its search box does.
 *
 * @throws {Error} that names each query whose first page is another one.
 */
export async function checkSearch(outDir: string): Promise<void> {
  const chunks = join(outDir, 'assets/chunks')
  const file = readdirSync(chunks).find((name) => name.startsWith('@localSearchIndexroot'))
  if (!file) throw new Error(`No search index in ${chunks}.`)
  const { default: json } = await import(pathToFileURL(join(chunks, file)).href)
  const index = MiniSearch.loadJSON(json, { fields: ['title', 'titles', 'text'], storeFields: ['title', 'titles'] })
  const wrong = Object.entries(queries).flatMap(([query, page]) => {
    const first = index.search(query, searchOptions)[0]?.id
    return first?.includes(page) ? [] : [`${query}: ${first}, not ${page}`]
  })
  if (wrong.length > 0) throw new Error(`The search finds something else first:\n${wrong.join('\n')}`)
}
