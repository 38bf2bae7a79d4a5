import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../../../../test-support/chromium.js'
import { SseServer } from '../../test/sse-server.js'

describe.skipIf(!hasChromium)('a page of a real browser', { timeout: 60_000 }, () => {
  let script: string
  let browser: Browser
  let server: SseServer

  beforeAll(async () => {
    const entry = fileURLToPath(new URL('../../test/leaving-page.ts', import.meta.url))
    const bundle = await build({ entryPoints: [entry], bundle: true, write: false, conditions: ['@rivulet/source'] })
    script = bundle.outputFiles[0]!.text
    browser = await launchChromium()
    server = await new SseServer((request, response) => {
      if (request.url === '/events') return server.accept(response)
      if (request.url === '/error') return response.end()
      if (request.url === '/page.js') return response.setHeader('content-type', 'text/javascript').end(script)
      // The next page takes its time: the old one lives on while its requests may be gone already.
      setTimeout(() => response.setHeader('content-type', 'text/html').end('<script src="/page.js"></script>'), 200)
    }).listen()
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  test('reports no error when reloaded or left', async () => {
    const page = await browser.newPage()
    const opened = () => page.waitForFunction(() => document.title === 'open')
    await page.goto(new URL('/one', server.url).href)
    for (let round = 0; round < 3; round++) {
      await opened()
      await page.reload()
      await opened()
      await page.evaluate(() => location.assign('/two'))
      await page.waitForURL('**/two')
      await opened()
      await page.goBack()
    }
    await opened()
    await page.evaluate(() => fetch('/error', { method: 'POST', body: 'last' }))
    await expect.poll(() => server.bodies.filter(Boolean)).toEqual(['last'])
  })
})
