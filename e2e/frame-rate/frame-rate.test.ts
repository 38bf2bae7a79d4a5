import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from '../../test-support/chromium.js'
import { events } from './contract.js'

describe.skipIf(!hasChromium)('10,000 events a second', () => {
  const perSecond = 10_000
  const total = 20_000
  let browser: Browser
  let server: Server
  let manager: EventManager<typeof events>

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  afterEach(async () => {
    await manager.close()
    server.closeAllConnections()
    server.close()
  })

  async function serve(source: string): Promise<string> {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
      bundle: true,
      minify: true,
      define: { 'process.env.NODE_ENV': '"profiling"' },
      conditions: ['@rivulet/source'],
      jsx: 'automatic',
      write: false,
    })
    manager = new EventManager({ events })
    server = createServer((request, response) => {
      if (request.url === '/events') return void handleEventStream(manager, request, response)
      response.setHeader('content-type', 'text/html')
      response.end(`<!doctype html><body></body><script type="module">${outputFiles[0]!.text}</script>`)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  /** Publishes all events that are due at each timer tick, however late the tick is. */
  function publishAll(): Promise<void> {
    const startedAt = performance.now()
    let published = 0
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(total, ((performance.now() - startedAt) / 1_000) * perSecond)
        while (published < due) manager.emit('tick', { n: ++published })
        if (published < total) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
  }

  it.each(['react.tsx', 'vue.ts'])(
    'reach every handler and the page, which is drawn once a frame: %s',
    async (source) => {
      const page = await browser.newPage()
      await page.goto(await serve(source))
      await expect.poll(() => manager.connections.size).toBe(1)
      await page.evaluate(() => {
        window.framesDrawn = 0
        window.rate.commits = 0
      })
      await publishAll()
      await page.waitForFunction((shown) => window.rate.shown === shown, `${total} ${total}`)
      const { rate, frames } = await page.evaluate(() => ({ rate: window.rate, frames: window.framesDrawn }))
      await page.close()
      expect(rate.handled).toBe(total)
      // One more, for a frame that was pending when the counting began.
      expect(rate.commits).toBeLessThanOrEqual(frames + 1)
      expect(rate.commits).toBeGreaterThan(1)
      console.log(`${source}: ${total} events, ${frames} frames, ${rate.commits} commits`)
    },
  )
})
