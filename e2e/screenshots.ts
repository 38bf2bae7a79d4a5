// `npm run screenshots [-- --review] [example …]` takes each example in both themes, on a desktop and a phone: as a first visitor sees it,
// then at work, above the fold and the whole page. All pictures go to .tmp/screenshots, to be looked at; without `--review`, those of the
// READMEs and the docs are replaced.
import { copyFile, mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { PostgresServer } from '../packages/backplane-postgres/test/postgres-server.js'
import { launchChromium } from '../test-support/chromium.js'
import { ExampleProcess, exampleFolder } from '../test-support/example-process.js'
import { freePort } from '../test-support/free-port.js'

const review = fileURLToPath(new URL('../.tmp/screenshots/', import.meta.url))
const published = fileURLToPath(new URL('../docs/images/', import.meta.url))

interface Example {
  /** Name of the folder and of the screenshots. */
  readonly name: string
  /** Starts what the example needs, and returns its end. */
  readonly start?: () => Promise<() => Promise<void>>
  /** Brings the page into the state for its screenshot. */
  readonly fill: (page: Page, url: string, index: number) => Promise<void>
}

const examples: readonly Example[] = [
  { name: 'monitor', fill: fillMonitor },
  { name: 'dashboard-vue', fill: fillDashboard },
  { name: 'hono', fill: fillImport },
  { name: 'cluster', fill: fillCluster },
  { name: 'chat', fill: fillChat },
  { name: 'task-board', start: startPostgres, fill: fillTaskBoard },
]

interface View {
  /** Name of its pictures. */
  readonly name: string
  readonly options: BrowserContextOptions
  /** Name of its picture in the docs. */
  readonly published?: string
}

const desktop = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 2 }
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }

const views: readonly View[] = [
  { name: '1280-light', options: { ...desktop, colorScheme: 'light' }, published: 'light' },
  { name: '1280-dark', options: { ...desktop, colorScheme: 'dark' }, published: 'dark' },
  { name: '390-light', options: { ...phone, colorScheme: 'light' }, published: 'phone' },
  { name: '390-dark', options: { ...phone, colorScheme: 'dark' } },
]

const args = process.argv.slice(2)
const isReview = args.includes('--review')
const wanted = args.filter((arg) => !arg.startsWith('--'))
for (const folder of [review, published]) await mkdir(folder, { recursive: true })
const browser = await launchChromium()
try {
  for (const example of examples) if (wanted.length === 0 || wanted.includes(example.name)) await take(browser, example)
} finally {
  await browser.close()
}

async function take(browser: Browser, { name, start, fill }: Example): Promise<void> {
  const end = await start?.()
  const server = new ExampleProcess(exampleFolder(name), await freePort())
  await server.start()
  try {
    const pages: Page[] = []
    for (const view of views) {
      const page = await browser.newPage(view.options)
      await page.goto(server.url, { waitUntil: 'load' })
      await page.waitForTimeout(1000)
      await page.screenshot({ path: `${review}${name}-${view.name}-first.png` })
      pages.push(page)
    }
    await Promise.all(pages.map((page, index) => fill(page, server.url, index)))
    for (const [index, view] of views.entries()) {
      // Nothing looks pointed at.
      await pages[index]!.mouse.move(0, 0)
      const path = `${review}${name}-${view.name}.png`
      await pages[index]!.screenshot({ path })
      await pages[index]!.screenshot({ path: path.replace('.png', '-full.png'), fullPage: true })
      console.log(path)
      if (isReview || !view.published) continue
      await copyFile(path, `${published}${name}-${view.published}.png`)
      // Each example has a picture in its own folder too, so that the folder is self-contained.
      if (view.published === 'light') await copyFile(path, `${exampleFolder(name)}/screenshot.png`)
    }
    for (const page of pages) await page.close()
  } finally {
    await server.stop()
    await end?.()
  }
}

/** A minute of a server's life: requests, some failing, a scrape, and enough time for the charts to have lines. */
async function fillMonitor(page: Page, url: string, index: number): Promise<void> {
  await page.locator('.rivulet-indicator--open').waitFor()
  // All pages show the same server, so only the first one generates work.
  const paths =
    index === 0 ? ['/api/proxies', '/demo-sources/list.json', '/demo-sources/table.html', '/', '/favicon.png'] : []
  if (index === 0) await page.getByRole('button', { name: 'Start scrape' }).click()
  for (let second = 0; second < 40; second++) {
    for (const path of paths.slice(0, 1 + (second % paths.length))) await fetch(url + path)
    if (index === 0 && second === 20) await fetch(`${url}/api/demo/error`)
    await page.waitForTimeout(1000)
  }
  if (index === 0) await page.getByRole('button', { name: 'Start scrape' }).click()
  await page.waitForTimeout(1500)
}

/** Enough traffic for the charts to have lines, and a scrape. */
async function fillDashboard(page: Page, _url: string, index: number): Promise<void> {
  await page.locator('.rivulet-indicator--open').waitFor()
  if (index === 0) await page.getByRole('button', { name: 'Send demo traffic' }).click()
  await page.waitForTimeout(20_000)
  if (index === 0) await page.getByRole('button', { name: 'Start' }).click()
  await page.waitForTimeout(8_000)
  if (index === 0) await page.getByRole('button', { name: 'Send demo traffic' }).click()
  await page.waitForTimeout(10_000)
}

/** Lines for a while, through the death of a node. */
async function fillCluster(page: Page, _url: string, index: number): Promise<void> {
  await page.locator('.rivulet-indicator--open').waitFor()
  await page.waitForTimeout(5_000)
  if (index === 0) await page.getByRole('button', { name: 'Kill a node' }).click()
  await page.waitForTimeout(10_000)
  await page.locator('.rivulet-indicator--open').waitFor()
}

/** A finished import with rejected rows, and one in progress. */
async function fillImport(page: Page): Promise<void> {
  const csv = (rows: number, domain: string) =>
    [
      'email,name,password',
      ...Array.from({ length: rows }, (_, n) => `${n % 30 === 9 ? '' : `user${n}@`}${domain},User ${n},long enough`),
    ].join('\n')
  const choose = (name: string, text: string) =>
    page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) })
  const tag = crypto.randomUUID().slice(0, 8)
  await choose('customers-2026.csv', csv(20, `${tag}.example.com`))
  await page.getByText('Completed in').waitFor({ timeout: 300_000 })
  await page.locator('summary').click()
  await choose('newsletter.csv', csv(120, `news.${tag}.example.com`))
  await page
    .locator('.card__now')
    .filter({ hasText: /^Line [4-9]\d:/ })
    .waitFor({ timeout: 300_000 })
}

/** A finished conversation, and one whose answer is being written. */
async function fillChat(page: Page): Promise<void> {
  const ask = async (text: string) => {
    await page.getByLabel('Your message').fill(text)
    await page.getByLabel('Your message').press('Enter')
  }
  await ask('Why Server-Sent Events and not a WebSocket?')
  await page.locator('.answer[data-state="done"]').waitFor({ timeout: 60_000 })
  if ((page.viewportSize()?.width ?? 0) < 768) await page.getByRole('button', { name: 'Conversations' }).click()
  await page.getByRole('button', { name: 'New chat' }).click()
  await ask('How does an answer survive a reload?')
  await page.locator('.answer[data-state="running"] pre').waitFor({ timeout: 60_000 })
}

async function startPostgres(): Promise<() => Promise<void>> {
  const postgres = await PostgresServer.start()
  process.env.DATABASE_URL = postgres.url
  return () => postgres.dispose()
}

/** The sample boards, after a move. */
async function fillTaskBoard(page: Page, _url: string, index: number): Promise<void> {
  await page.locator('.rivulet-indicator--open').waitFor()
  if (index === 0) await page.getByRole('button', { name: 'Move “Compress the hero image” right' }).click()
  await page.getByRole('region', { name: 'In progress' }).getByText('Compress the hero image').waitFor()
}
