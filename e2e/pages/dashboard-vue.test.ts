import { beforeEach, describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

describe.skipIf(!hasChromium)('the Vue dashboard', () => {
  const example = useExample('dashboard-vue')
  beforeEach(() => connected())

  const connected = () => example.page.locator('.rivulet-indicator--open').waitFor()
  const line = (text: string) => example.page.getByTestId('log-line').filter({ hasText: text })

  async function visit(...names: string[]): Promise<void> {
    for (const name of names) await (await fetch(`${example.server.url}/visit/${name}`)).text()
  }

  /** Returns the names of the visits in the log, from top to bottom. */
  async function visitsShown(prefix: string): Promise<string[]> {
    const texts = await example.page.getByTestId('log-line').allTextContents()
    return texts.flatMap((text) => text.match(new RegExp(`/visit/(${prefix}-\\d+)`))?.[1] ?? [])
  }

  it('shows the measurements as numbers, in charts, and in a table', async () => {
    const requests = example.page.getByRole('region', { name: 'Requests' }).locator('.chart__value')
    await example.page.getByRole('button', { name: 'Send demo traffic' }).click()
    await expect
      .poll(async () => Number.parseFloat((await requests.textContent())!), { timeout: 30_000 })
      .toBeGreaterThan(10)
    await example.page.getByText('Demo traffic began.').waitFor()
    const chart = example.page.getByRole('region', { name: 'Latency' })
    await example.page.getByText('Last 10 seconds as a table').click()
    const rows = example.page.getByRole('row')
    await expect.poll(() => rows.count(), { timeout: 30_000 }).toBeGreaterThan(3)
    expect(await rows.nth(1).textContent()).toMatch(/\d\/s.*\d\u00a0ms.*\d\u00a0%.*\d\u00a0MiB/)
    // The canvas has more than one color, so something is drawn.
    const colors = await chart.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      return new Set(new Uint32Array(data.buffer)).size
    })
    expect(colors).toBeGreaterThan(10)
  })

  it('runs a scrape to its end, with a slow page and a broken one', async () => {
    const scrape = example.page.getByRole('region', { name: 'Scrape' })
    await scrape.getByRole('button', { name: 'Start' }).click()
    await scrape.getByText('failed with 500').waitFor()
    await scrape.getByText('100 % done').waitFor()
    await example.page.getByText('on 3 of 4 pages').waitFor()
  })

  it('reconnects after the server was killed, and shows the missed events once and in order', async () => {
    await visit('before-1')
    await line('/visit/before-1').waitFor()
    await example.server.kill()
    await example.page.locator('.rivulet-indicator--waiting, .rivulet-indicator--connecting').first().waitFor()
    await example.server.start()
    const names = Array.from({ length: 20 }, (_, index) => `missed-${index + 1}`)
    await visit(...names)
    await connected()
    await line('/visit/missed-20').waitFor()
    expect(await visitsShown('missed')).toEqual(names)
    expect(await visitsShown('before')).toEqual(['before-1'])
    await example.page.getByText('Events may be missing here').first().waitFor()
  })

  it('shows the log and the scrape without scrolling on a desktop', async () => {
    for (const name of ['Log', 'Scrape']) {
      const { y, height } = (await example.page.getByRole('region', { name, exact: true }).boundingBox())!
      expect(y + height, name).toBeLessThanOrEqual(800)
    }
  })

  it('uses the width of a tablet: the notifications beside the scrape', async () => {
    await example.page.setViewportSize({ width: 820, height: 1000 })
    const top = async (name: string) => (await example.page.getByRole('region', { name, exact: true }).boundingBox())!.y
    expect(await top('Scrape')).toBeGreaterThan(await top('Log'))
    expect(await top('Notifications')).toBe(await top('Scrape'))
  })

  it('shows equal notifications once, with their number', async () => {
    const failure = example.page.locator('.notice', { hasText: 'This page is broken on purpose.' })
    for (let n = 0; n < 3; n++) await (await fetch(`${example.server.url}/demo/broken`)).text()
    await failure.getByText('3 times').waitFor()
    expect(await failure.count()).toBe(1)
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await example.page.setViewportSize({ width: look.width, height: 800 })
    await example.page.emulateMedia(look)
    await visit('axe-1')
    await line('/visit/axe-1').waitFor()
    await example.page.getByRole('button', { name: 'Start' }).click()
    await example.page.getByText('100 % done').waitFor()
    await example.page.getByText('Last 10 seconds as a table').first().click()
    expect(await faultsOf(example.page)).toEqual(faultless)
  })
})
