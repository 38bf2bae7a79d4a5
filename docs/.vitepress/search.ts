import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import MiniSearch, { type SearchOptions } from 'minisearch'

/** Ranks guides above error pages, and error pages above the reference, which repeats every word many times. */
export const searchOptions: SearchOptions = {
  fuzzy: 0.2,
  prefix: true,
  boost: { title: 4, text: 2, titles: 1 },
  // VitePress sends this function to the browser as text, so it must not use anything from outside.
  boostDocument: (id: string) => (id.startsWith('/reference/') ? 0.05 : id.startsWith('/errors/') ? 0.2 : 1),
}

/** Queries that readers type, with a part of the address that must rank first. */
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
 * Searches the built site in the same way as its search box.
 *
 * @throws {Error} naming each query that ranks another page first.
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
  if (wrong.length > 0) throw new Error(`The search ranks other pages first:\n${wrong.join('\n')}`)
}
