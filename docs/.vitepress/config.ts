import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { checkAnchors } from './check-anchors.js'
import { errorPages } from './error-pages.js'
import { writeLlmsTxt } from './llms-txt.js'
import { referencePages } from './reference-pages.js'
import { checkSearch, searchOptions } from './search.js'

const root = fileURLToPath(new URL('..', import.meta.url))

// biome-ignore lint/style/noDefaultExport: VitePress reads the default export
export default defineConfig({
  title: 'Rivulet',
  description:
    'Typed Server-Sent Events from publish to React hook. Every event arrives once, or you are told of the gap.',
  cleanUrls: true,
  // The demonstration on the home page runs the packages' sources.
  vite: { resolve: { conditions: ['@rivulet/source', 'module', 'browser', 'development|production'] } },
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    ['meta', { property: 'og:type', content: 'website' }],
    ['meta', { property: 'og:site_name', content: 'Rivulet' }],
  ],
  // Previews of links to the site. An image would need the site's address.
  transformHead: ({ title, description }) => [
    ['meta', { property: 'og:title', content: title }],
    ['meta', { property: 'og:description', content: description }],
  ],
  // Dead links fail the build, except links to the reader's own machine. `checkAnchors` adds anchors, which VitePress does not check.
  ignoreDeadLinks: 'localhostLinks',
  buildEnd: async ({ pages, outDir }) => {
    checkAnchors(outDir)
    await checkSearch(outDir)
    writeLlmsTxt(root, pages, outDir)
  },
  themeConfig: {
    logo: '/favicon.svg',
    search: { provider: 'local', options: { miniSearch: { searchOptions } } },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start/express' },
      { text: 'Guide', link: '/guide/why-sse' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Errors', link: '/errors/' },
    ],
    sidebar: [
      {
        text: 'Start, in five minutes',
        items: [
          { text: 'Express to React', link: '/start/express' },
          { text: 'Koa', link: '/start/koa' },
          { text: 'Hono, Next.js, SvelteKit, Bun, Deno', link: '/start/web' },
          { text: 'React', link: '/start/react' },
          { text: 'Vue', link: '/start/vue' },
          { text: 'React Native and Expo', link: '/guide/react-native' },
          { text: 'Svelte, Solid, Angular, Preact', link: '/guide/frameworks' },
        ],
      },
      {
        text: 'Guide',
        items: [
          { text: 'Why SSE, and when not', link: '/guide/why-sse' },
          { text: 'Contracts and validation', link: '/guide/contracts' },
          { text: 'Changing a contract', link: '/guide/changing-contracts' },
          { text: 'Channels and authorization', link: '/guide/channels' },
          { text: 'Channels that follow the page', link: '/guide/channels-of-a-page' },
          { text: 'Older events', link: '/guide/history' },
          { text: 'Presence', link: '/guide/presence' },
          { text: 'Resume and gaps', link: '/guide/resume' },
          { text: 'TanStack Query', link: '/guide/tanstack-query' },
          { text: 'Streaming answers and jobs', link: '/guide/runs' },
          { text: 'Slow clients', link: '/guide/slow-clients' },
          { text: 'Deploying', link: '/guide/deploying' },
          { text: 'Which engine?', link: '/guide/engines' },
          { text: 'History in a file', link: '/guide/sqlite' },
          { text: 'All cores', link: '/guide/all-cores' },
          { text: 'Scaling with Redis', link: '/guide/scaling' },
          { text: 'Events in Postgres', link: '/guide/postgres' },
          { text: 'Security', link: '/guide/security' },
          { text: 'Browsers', link: '/guide/compatibility' },
          { text: 'Testing your app', link: '/guide/testing' },
          { text: "Other vendors' streams", link: '/guide/foreign-streams' },
          { text: 'Build a binding', link: '/guide/bindings' },
          { text: 'Migrating', link: '/guide/migrating' },
          { text: 'Comparison', link: '/guide/comparison' },
        ],
      },
      { text: 'Errors', collapsed: true, items: [{ text: 'All codes', link: '/errors/' }, ...errorPages(root)] },
      { text: 'Reference', collapsed: true, items: referencePages(root) },
    ],
  },
})
