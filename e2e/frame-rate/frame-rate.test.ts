import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from '../../test-support/chromium.js'
import { type PageServer, servePage } from './page-server.js'

describe.skipIf(!hasChromium)('10,000 events a second', () => {
  const perSecond = 10_000
  const total = 20_000
  let browser: Browser
  let server: PageServer

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  afterEach(() => server.stop())

  /** Publishes all events that are due at each timer tick, however late the tick is. */
  function publishAll(): Promise<void> {
    const startedAt = performance.now()
    let published = 0
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(total, ((performance.now() - startedAt) / 1_000) * perSecond)
        while (published < due) server.manager.emit('tick', { n: ++published })
        if (published < total) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
  }

  it.each(['react.tsx', 'vue.ts'])('reach every handler, and the page renders once a frame: %s', async (source) => {
    server = await servePage(source)
    const page = await browser.newPage()
    await page.goto(server.url)
    await expect.poll(() => server.manager.connections.size).toBe(1)
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
  })
})
