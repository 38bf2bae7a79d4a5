import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PostgresServer, serverFolder } from '../../packages/backplane-postgres/test/postgres-server.js'
import { hasChromium } from '../../test-support/chromium.js'
import { TcpProxy } from '../../test-support/tcp-proxy.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

const hasPostgres = (await serverFolder()) !== undefined

describe.skipIf(!hasChromium || !hasPostgres)('the task board', () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await PostgresServer.start()
    process.env.DATABASE_URL = postgres.url
    // So few that a page soon finds a gap.
    process.env.KEPT_EVENTS = '3'
  })
  afterAll(async () => {
    delete process.env.DATABASE_URL
    delete process.env.KEPT_EVENTS
    await postgres?.dispose()
  })

  const example = useExample('task-board')
  beforeEach(() => example.page.locator('.rivulet-indicator--open').waitFor())

  const titles = (page: Page, column: string) =>
    page.getByRole('region', { name: column }).locator('.card__title').allTextContents()
  const add = async (page: Page, title: string) => {
    await page.getByLabel('New card in To do').fill(title)
    await page.getByLabel('New card in To do').press('Enter')
  }

  it('shows each page the changes of the others, and heals a gap by fetching the one board that it names', async () => {
    const { page, server } = example
    const proxy = await TcpProxy.start(Number(new URL(server.url).port))
    const other = await page.context().newPage()
    const fetched: string[] = []
    other.on('request', (request) => {
      if (/\/api\/boards\/\w+$/.test(request.url())) fetched.push(new URL(request.url()).pathname)
    })
    await other.goto(`http://localhost:${proxy.port}/boards/website`)
    await other.locator('.rivulet-indicator--open').waitFor()

    await page.getByRole('button', { name: 'Move “Write the pricing page” right' }).click()
    await expect.poll(() => titles(other, 'In progress')).toContain('Write the pricing page')
    await other.getByRole('button', { name: 'Rename “Write the pricing page”' }).click()
    await other.getByLabel('Title').fill('Write the plans page')
    await other.getByLabel('Title').press('Enter')
    await expect.poll(() => titles(page, 'In progress')).toContain('Write the plans page')
    expect(fetched).toEqual([])

    proxy.cut()
    for (let n = 1; n <= 5; n++) await add(page, `While away ${n}`)
    await page.getByRole('button', { name: 'Delete “Compress the hero image”' }).click()
    const expected = ['Ask Ines about the new logo', ...[1, 2, 3, 4, 5].map((n) => `While away ${n}`)]
    await expect.poll(() => titles(page, 'To do')).toEqual(expected)
    expect(await titles(other, 'To do')).not.toContain('While away 1')
    proxy.mend()
    await expect.poll(() => titles(other, 'To do')).toEqual(expected)
    expect(fetched).toEqual(['/api/boards/website'])
    await add(page, 'After the gap')
    await expect.poll(() => titles(other, 'To do')).toEqual([...expected, 'After the gap'])
    expect(fetched).toEqual(['/api/boards/website'])
    await other.close()
    proxy.dispose()
  })

  it('moves a card by dragging it', async () => {
    const { page } = example
    const card = page.locator('.card').filter({ hasText: 'Redirect the old blog' })
    await card.dragTo(page.locator('.card').filter({ hasText: 'Dark theme for the docs' }))
    await expect.poll(async () => (await titles(page, 'In progress'))[0]).toBe('Redirect the old blog')
    await page.reload()
    expect((await titles(page, 'In progress'))[0]).toBe('Redirect the old blog')
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    const { page } = example
    await page.setViewportSize({ width: look.width, height: 800 })
    await page.emulateMedia(look)
    expect(await faultsOf(page)).toEqual(faultless)
  })
})
