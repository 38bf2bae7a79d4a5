import { beforeEach, describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

describe.skipIf(!hasChromium)('the monitor', () => {
  const example = useExample('monitor')
  beforeEach(() => connected())

  const indicator = () => example.page.locator('.rivulet-indicator')
  const connected = () => example.page.locator('.rivulet-indicator--open').waitFor()
  const row = (text: string) => example.page.getByTestId('log-row').filter({ hasText: text })

  /** Makes requests that the server logs, each under a unique name. */
  async function visit(...names: string[]): Promise<void> {
    for (const name of names) await (await fetch(`${example.server.url}/visit/${name}`)).text()
  }

  /** Returns the names of the visits on the page, from top to bottom. */
  async function visitsShown(prefix: string): Promise<string[]> {
    const texts = await example.page.getByTestId('log-row').allTextContents()
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
    await example.page.getByRole('button', { name: 'Start scrape' }).click()
    const bar = example.page.getByRole('progressbar').first()
    await expect.poll(() => bar.getAttribute('aria-valuenow'), { timeout: 30_000 }).toBe('100')
    await example.page.getByText('500').first().waitFor()
    await example.page.getByRole('button', { name: 'Start scrape' }).and(example.page.locator(':enabled')).waitFor()
  })

  it('reconnects after the server was killed, and shows the missed events once and in order', async () => {
    await visit('before-1')
    await row('/visit/before-1').waitFor()
    await example.server.kill()
    await example.page.locator('.rivulet-indicator--waiting, .rivulet-indicator--connecting').first().waitFor()
    expect(await indicator().first().textContent()).toMatch(/reconnecting/i)
    await example.server.start()
    const names = Array.from({ length: 20 }, (_, i) => `missed-${i + 1}`)
    await visit(...names)
    await connected()
    await row('/visit/missed-20').waitFor()
    await visit('missed-21')
    await row('/visit/missed-21').waitFor()
    expect(await visitsShown('missed')).toEqual([...names, 'missed-21'])
    expect(await visitsShown('before')).toEqual(['before-1'])
  })

  it('shows equal notifications once, with their number', async () => {
    const failure = example.page.locator('.notice', { hasText: 'This route throws on purpose' })
    for (let n = 0; n < 3; n++) await example.page.getByRole('button', { name: 'Route error' }).click()
    await failure.getByText('3 times').waitFor()
    expect(await failure.count()).toBe(1)
  })

  it('gives each value its unit, and each chart its scale', async () => {
    const card = (name: string) => example.page.getByRole('region', { name, exact: true })
    const text = async (name: string) => (await card(name).textContent())!.replaceAll('\u00a0', ' ')
    const number = '\\d+(\\.\\d)?'
    await expect.poll(() => text('Memory')).toMatch(new RegExp(`heap ${number} MiBpeak ${number} MiB${number} MiB0`))
    expect(await text('Loop delay, p99')).toMatch(new RegExp(`max ${number} mspeak ${number} ms${number} ms0`))
    expect(await text('Deliveries')).toMatch(new RegExp(`peak ${number}/s${number}/s0`))
  })

  it('breaks long log lines on a phone, and shows the end of the log', async () => {
    await example.page.setViewportSize({ width: 390, height: 844 })
    const name = 'a-long-name-'.repeat(8)
    await visit(...Array.from({ length: 20 }, (_, n) => `short-${n}`), name)
    const line = row(name)
    await line.waitFor()
    const { scrollWidth, clientWidth } = await line
      .locator('.log-row__message')
      .evaluate(({ scrollWidth, clientWidth }) => ({ scrollWidth, clientWidth }))
    expect(scrollWidth).toBe(clientWidth)
    expect((await line.boundingBox())!.height).toBeGreaterThan(60)
    const list = (await example.page.getByRole('listbox').boundingBox())!
    await expect
      .poll(async () => {
        const last = (await example.page.getByTestId('log-row').last().boundingBox())!
        return Math.round(list.y + list.height - last.y - last.height)
      })
      .toBe(4)
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await example.page.setViewportSize({ width: look.width, height: 800 })
    await example.page.emulateMedia(look)
    await visit('axe-1')
    await row('/visit/axe-1').waitFor()
    expect(await faultsOf(example.page)).toEqual(faultless)
  })
})
