import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from '../test-support/chromium.js'
import { ExampleProcess, exampleFolder, freePort } from './example-process.js'
import { faultless, faultsOf, looks } from './page-faults.js'

describe.skipIf(!hasChromium)('the monitor', () => {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let monitor: ExampleProcess
  let failures: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    monitor = new ExampleProcess(exampleFolder('monitor'), await freePort())
    await monitor.start()
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    failures = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(monitor.url)
    await connected()
  })

  afterEach(async () => {
    await context.close()
    await monitor.kill()
    expect(failures).toEqual([])
  })

  const indicator = () => page.locator('.rivulet-indicator')
  const connected = () => page.locator('.rivulet-indicator--open').waitFor()
  const row = (text: string) => page.getByTestId('log-row').filter({ hasText: text })

  /** Requests that the server logs, each under a name of its own. */
  async function visit(...names: string[]): Promise<void> {
    for (const name of names) await (await fetch(`${monitor.url}/visit/${name}`)).text()
  }

  /** The names of the visits that the page shows, top to bottom. */
  async function visitsShown(prefix: string): Promise<string[]> {
    const texts = await page.getByTestId('log-row').allTextContents()
    return texts.flatMap((text) => text.match(new RegExp(`/visit/(${prefix}-\\d+)`))?.[1] ?? [])
  }

  it('shows log lines as they are written, without a reload', async () => {
    await visit('live-1', 'live-2')
    await row('/visit/live-2').waitFor()
    expect(await visitsShown('live')).toEqual(['live-1', 'live-2'])
    await visit('live-3')
    await row('/visit/live-3').waitFor()
    expect(await visitsShown('live')).toEqual(['live-1', 'live-2', 'live-3'])
  })

  it('runs a scrape to its end, with a slow source and a broken one', async () => {
    await page.getByRole('button', { name: 'Start scrape' }).click()
    const bar = page.getByRole('progressbar').first()
    await expect.poll(() => bar.getAttribute('aria-valuenow'), { timeout: 30_000 }).toBe('100')
    await page.getByText('500').first().waitFor()
    await page.getByRole('button', { name: 'Start scrape' }).and(page.locator(':enabled')).waitFor()
  })

  it('comes back after the server was killed, and shows what it missed, once and in order', async () => {
    await visit('before-1')
    await row('/visit/before-1').waitFor()
    await monitor.kill()
    await page.locator('.rivulet-indicator--waiting, .rivulet-indicator--connecting').first().waitFor()
    expect(await indicator().first().textContent()).toMatch(/reconnecting/i)
    await monitor.start()
    const names = Array.from({ length: 20 }, (_, i) => `missed-${i + 1}`)
    await visit(...names)
    await connected()
    await row('/visit/missed-20').waitFor()
    await visit('missed-21')
    await row('/visit/missed-21').waitFor()
    expect(await visitsShown('missed')).toEqual([...names, 'missed-21'])
    expect(await visitsShown('before')).toEqual(['before-1'])
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await page.setViewportSize({ width: look.width, height: 800 })
    await page.emulateMedia(look)
    await visit('axe-1')
    await row('/visit/axe-1').waitFor()
    expect(await faultsOf(page)).toEqual(faultless)
  })
})
