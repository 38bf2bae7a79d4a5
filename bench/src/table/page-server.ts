import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { bundlePage } from '../in-browser/page.js'
import { events } from './contract.js'
import { rowCount } from './rows.js'

/** Serves one page, bundled for production, and its events. */
export interface PageServer {
  readonly url: string
  readonly connections: number
  /** Publishes events at this rate, as many at each tick of a timer as are due. */
  publish(perSecond: number, count: number): Promise<void>
  stop(): Promise<void>
}

/**
 * @param source File name in `pages`.
 * @param throttleMs The page's option of that name.
 */
export async function servePage(source: string, throttleMs: number): Promise<PageServer> {
  const page = await bundlePage(`table/pages/${source}`, { THROTTLE_MS: String(throttleMs) })
  const manager = new EventManager({ events })
  const server = createServer((request, response) => {
    if (request.url === '/events') return void handleEventStream(manager, request, response)
    response.setHeader('content-type', 'text/html')
    response.end(page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get connections() {
      return manager.connections.size
    },
    publish(perSecond, count) {
      const begin = performance.now()
      let published = 0
      return new Promise((resolve) => {
        const timer = setInterval(() => {
          const due = Math.min(count, ((performance.now() - begin) / 1_000) * perSecond)
          for (; published < due; published++) {
            const change = Math.sin(published)
            manager.emit('quote', { row: published % rowCount, price: 100 + change, change, volume: published * 10 })
          }
          if (published < count) return
          clearInterval(timer)
          resolve()
        }, 1)
      })
    },
    async stop() {
      await manager.close()
      server.closeAllConnections()
      server.close()
    },
  }
}
