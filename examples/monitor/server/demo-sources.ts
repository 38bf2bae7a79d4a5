import { setTimeout as delay } from 'node:timers/promises'
import { Router } from 'express'

/** In an order that shows every case: a fast page, a slow one, a broken one, then two more. */
export const demoSourcePaths: readonly string[] = ['table.html', 'slow.txt', 'broken', 'list.json', 'list.txt']

export interface DemoSourcesOptions {
  /** Duration of the slow page. @default 2500 */
  readonly slowMs?: number
}

/**
 * Pages to scrape without a network: addresses of the documentation ranges, with duplicates and invalid ones among
 * them. The pages are fixed; the scraper's reports about them are measured.
 */
export function demoSources({ slowMs = 2_500 }: DemoSourcesOptions = {}): Router {
  const router = Router()
  router.get('/table.html', (_request, response) => {
    const rows = addresses('192.0.2', 48).map(
      ({ ip, port }, index) =>
        `<tr><td>${ip}</td><td>${port}</td><td>${index % 3 ? 'anonymous' : 'elite'}</td><td>${index % 2 ? 'no' : 'yes'}</td></tr>`,
    )
    response.type('html').send(`<!doctype html><title>Proxy table</title><table>
      <thead><tr><th>IP address</th><th>Port</th><th>Anonymity</th><th>HTTPS support</th></tr></thead>
      <tbody>${rows.join('\n')}
        <tr><td>192.168.1.20</td><td>8080</td><td>elite</td><td>no</td></tr>
        <tr><td>192.0.2.300</td><td>3128</td><td>elite</td><td>no</td></tr>
      </tbody></table>`)
  })
  router.get('/list.txt', (_request, response) => {
    const lines = addresses('198.51.100', 64).map(({ ip, port }) => `${ip}:${port}`)
    response.type('text').send(['# one a line', ...lines, '10.0.0.7:3128', '198.51.100.9:99999', ''].join('\n'))
  })
  router.get('/list.json', (_request, response) => {
    const own = addresses('203.0.113', 40).map(({ ip, port }) => ({ ip, port, protocols: ['http'] }))
    response.json({ updated: true, data: [...own, ...addresses('192.0.2', 12)] })
  })
  router.get('/slow.txt', async (_request, response) => {
    response.type('text')
    for (const { ip, port } of addresses('198.51.100', 10)) {
      await delay(slowMs / 10)
      if (response.destroyed) return
      response.write(`${ip}:${port}\n`)
    }
    response.end()
  })
  router.get('/broken', (_request, response) => {
    response.status(500).type('text').send('This page is broken on purpose.\n')
  })
  return router
}

function addresses(network: string, count: number): { ip: string; port: number }[] {
  const ports = [8080, 3128, 1080, 80]
  return Array.from({ length: count }, (_, index) => ({ ip: `${network}.${index + 1}`, port: ports[index % 4]! }))
}
