import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasChromium, launchChromium } from '../../../../test-support/chromium.js'
import { frame, openFrame, SseServer } from '../../test/sse-server.js'

let script: string
let browser: Browser
let context: BrowserContext
let server: SseServer
let history: string[]
let isRun: boolean
let ticking: ReturnType<typeof setInterval>

describe.skipIf(!hasChromium)('tabs of a real browser', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const entry = fileURLToPath(new URL('../../test/tab.ts', import.meta.url))
    const bundle = await build({ entryPoints: [entry], bundle: true, write: false, conditions: ['@rivulet/source'] })
    script = bundle.outputFiles[0]!.text
    browser = await launchChromium()
  }, 60_000)

  afterAll(() => browser?.close())

  beforeEach(async () => {
    history = []
    isRun = false
    server = await new SseServer((request, response) => {
      if (request.url === '/tab.js') return response.setHeader('content-type', 'text/javascript').end(script)
      if (request.url !== '/events')
        return response.setHeader('content-type', 'text/html').end('<script src="/tab.js"></script>')
      server.accept(response)
      const cursor = request.headers['last-event-id'] as string | undefined
      const from = cursor === undefined ? (isRun ? 0 : history.length) : Number.parseInt(cursor, 36)
      const missed = history.slice(from)
      const open = {
        heartbeatMs: 0,
        recovered: cursor === undefined ? null : true,
        replayed: missed.length,
        run: isRun,
      }
      response.write(openFrame(open, 1_000) + missed.join(''))
    }).listen()
    ticking = setInterval(() => {
      const n = history.length + 1
      const text = frame('tick', { n }, n.toString(36))
      history.push(text)
      for (const stream of server.streams) stream.write(text)
    }, 5)
    context = await browser.newContext()
  })

  afterEach(async () => {
    clearInterval(ticking)
    await context.close()
    await server.close()
  })

  async function openTab(): Promise<Page> {
    const page = await context.newPage()
    await page.goto(new URL('/', server.url).href)
    await page.waitForFunction(() => window.received.length > 5)
    return page
  }

  const streamRequests = () => server.requests.filter(({ url }) => url === '/events').length

  /** Expects every tab to have every event from its first to the last, once and in order. */
  async function expectComplete(pages: Page[]): Promise<void> {
    clearInterval(ticking)
    for (const page of pages) {
      await page.waitForFunction((last) => window.received.at(-1) === last, history.length)
      const received = await page.evaluate(() => window.received)
      expect(received).toEqual(received.map((_, i) => received[0]! + i))
    }
  }

  const another = (pages: Page[], count: number) =>
    Promise.all(pages.map((page) => page.waitForFunction((more) => window.received.length > more, count)))

  test('share one connection', async () => {
    const pages = [await openTab(), await openTab(), await openTab()]
    await another(pages, 100)
    await expectComplete(pages)
    expect(streamRequests()).toBe(1)
    expect(server.streams).toHaveLength(1)
  })

  test('read all of a run, also one that joins late, and share one connection from there on', async () => {
    isRun = true
    const first = await openTab()
    await another([first], 100)
    const late = await openTab()
    await another([first, late], history.length)
    await server.open(1)
    await expectComplete([first, late])
    expect(await late.evaluate(() => window.received[0])).toBe(1)
  })

  test.each(['closed', 'killed', 'left for another page'])('continue when the leader’s page is %s', async (how) => {
    const [leader, ...others] = [await openTab(), await openTab(), await openTab()] as [Page, Page, Page]
    const count = await others[0]!.evaluate(() => window.received.length)
    if (how === 'closed') await leader.close()
    else if (how === 'left for another page') await leader.goto('about:blank')
    else {
      const session = await context.newCDPSession(leader)
      // The answer never arrives, because the renderer has crashed.
      void session.send('Page.crash').catch(() => {})
    }
    await another(others, count + 200)
    await expectComplete(others)
    expect(streamRequests()).toBe(2)
    await server.open(1)
  })

  test('continue at once when the visible leader is closed and the next tab becomes visible', async () => {
    const [leader, ...others] = [await openTab(), await openTab(), await openTab()] as [Page, Page, Page]
    for (const page of others) {
      await page.evaluate(() => setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 20))
    }
    const count = await others[0]!.evaluate(() => window.received.length)
    const sent = history.length
    await leader.close()
    await another(others, count + 100)
    // Measured in events, as a busy machine is slower: a takeover costs a few of them, a timeout thousands.
    expect(history.length - sent).toBeLessThan(1_000)
    await expectComplete(others)
    expect(streamRequests()).toBe(2)
  })

  test('continue beside a leader whose loop is stuck, which gets everything when it reads again', async () => {
    const [leader, ...others] = [await openTab(), await openTab(), await openTab()] as [Page, Page, Page]
    const loop = await leader.evaluateHandle(() => window.stream.events('tick', { bufferSize: 1 }))
    const count = await others[0]!.evaluate(() => window.received.length)
    const stoodAt = await leader.evaluate(() => window.received.length)
    await another(others, count + 1_200)
    expect(await leader.evaluate(() => window.received.length)).toBeLessThan(stoodAt + 100)
    expect(streamRequests()).toBe(1)
    await loop.evaluate((iterator) => iterator.return())
    await another([leader], count + 1_200)
    await server.open(1)
    await expectComplete([leader, ...others])
  })

  test('continue when the leader’s page is frozen, which follows when it wakes up', async () => {
    const [leader, ...others] = [await openTab(), await openTab(), await openTab()] as [Page, Page, Page]
    const session = await context.newCDPSession(leader)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    const count = await others[0]!.evaluate(() => window.received.length)
    await another(others, count + 600)
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await another(others, count + 700)
    await server.open(1)
    await expectComplete([leader, ...others])
  })

  test('hand over one after the other, down to the last', async () => {
    const pages = [await openTab(), await openTab(), await openTab(), await openTab()]
    while (pages.length > 1) {
      const count = await pages.at(-1)!.evaluate(() => window.received.length)
      await pages.shift()!.close()
      await another(pages, count + 50)
    }
    await expectComplete(pages)
    expect(streamRequests()).toBe(4)
    await server.open(1)
  })
})
