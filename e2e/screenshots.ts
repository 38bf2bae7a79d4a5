// `npm run screenshots`: takes the pictures of the README and the docs.
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { launchChromium } from '../test-support/chromium.js'
import { freePort, MonitorProcess } from './monitor-process.js'

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))

const views = [
  { name: 'monitor-dark', colorScheme: 'dark', width: 1280, height: 800 },
  { name: 'monitor-light', colorScheme: 'light', width: 1280, height: 800 },
  { name: 'monitor-phone', colorScheme: 'light', width: 390, height: 844 },
] as const

await mkdir(folder, { recursive: true })
const monitor = new MonitorProcess(await freePort())
await monitor.start()
const browser = await launchChromium()
try {
  const pages: Page[] = []
  for (const { colorScheme, width, height } of views) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height }, deviceScaleFactor: 2 })
    await page.goto(monitor.url)
    await page.locator('.rivulet-indicator--open').waitFor()
    pages.push(page)
  }
  await fillWithLife(pages[0] as Page)
  for (const [index, { name }] of views.entries()) {
    await pages[index]?.screenshot({ path: `${folder}${name}.png` })
    console.log(`docs/images/${name}.png`)
  }
} finally {
  await browser.close()
  await monitor.kill()
}

/** A minute in the life of a server: requests, some of them failing, a scrape, and long enough for the charts to have a line. */
async function fillWithLife(page: Page): Promise<void> {
  const paths = ['/api/proxies', '/demo-sources/list.json', '/demo-sources/table.html', '/', '/favicon.png']
  await page.getByRole('button', { name: 'Start scrape' }).click()
  for (let second = 0; second < 40; second++) {
    for (const path of paths.slice(0, 1 + (second % paths.length))) await fetch(monitor.url + path)
    if (second === 20) await fetch(`${monitor.url}/api/demo/error`)
    await page.waitForTimeout(1000)
  }
  await page.getByRole('button', { name: 'Start scrape' }).click()
  await page.waitForTimeout(1500)
}
