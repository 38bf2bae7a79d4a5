// `npm run screenshots [example …]` takes the screenshots of the READMEs and the docs.
import { copyFile, mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { PostgresServer } from '../packages/backplane-postgres/test/postgres-server.js'
import { launchChromium } from '../test-support/chromium.js'
import { ExampleProcess, exampleFolder } from '../test-support/example-process.js'
import { freePort } from '../test-support/free-port.js'

/** Each example also gets its light screenshot into its own folder, so that the folder is self-contained. */
const folder = fileURLToPath(new URL('../docs/images/', import.meta.url))

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

const views = [
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 800 },
  { name: 'light', colorScheme: 'light', width: 1280, height: 800 },
  { name: 'phone', colorScheme: 'light', width: 390, height: 844 },
] as const

const wanted = process.argv.slice(2)
await mkdir(folder, { recursive: true })
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
    for (const { colorScheme, width, height } of views) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height }, deviceScaleFactor: 2 })
      await page.goto(server.url)
      pages.push(page)
    }
    await Promise.all(pages.map((page, index) => fill(page, server.url, index)))
    for (const [index, view] of views.entries()) {
      await pages[index]?.screenshot({ path: `${folder}${name}-${view.name}.png` })
      console.log(`docs/images/${name}-${view.name}.png`)
    }
    await copyFile(`${folder}${name}-light.png`, `${exampleFolder(name)}/screenshot.png`)
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
