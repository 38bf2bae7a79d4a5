import { setTimeout as wait } from 'node:timers/promises'
import type { Middleware } from 'koa'

/** Duration and density of a burst of demo traffic. */
const burstSeconds = 15
const requestsPerSecond = 60

export const demoPages = ['list', 'table', 'slow', 'broken'] as const

/** Serves real pages to scrape and measure, for a server that has no users yet. */
export const demoPage: Middleware = async (context, next) => {
  const name = /^\/demo\/(\w+)$/.exec(context.path)?.[1]
  if (!demoPages.includes(name as (typeof demoPages)[number])) return next()
  // Between 0 and 40 ms, like a database.
  await wait(name === 'slow' ? 400 : Math.random() ** 3 * 40)
  if (name === 'broken') context.throw(500, 'This page is broken on purpose.')
  const proxies = Array.from({ length: 20 }, (_, index) => `192.0.2.${index}:${8_000 + name!.length}`)
  context.body =
    name === 'table' ? `<table><tr><td>${proxies.join('</td></tr><tr><td>')}</td></tr></table>` : proxies.join('\n')
}

/** Sends requests to the server's own pages, so that there is something to watch. A few of them fail. */
export async function sendTraffic(origin: string): Promise<void> {
  for (let tick = 0; tick < burstSeconds * 10; tick++) {
    for (let count = 0; count < requestsPerSecond / 10; count++) {
      const page = Math.random() < 0.03 ? 'broken' : Math.random() < 0.5 ? 'list' : 'table'
      void fetch(`${origin}/demo/${page}`)
        .then((response) => response.arrayBuffer())
        .catch(() => {})
    }
    await wait(100)
  }
}
