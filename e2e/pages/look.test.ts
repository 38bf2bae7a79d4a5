import { existsSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresServer, serverFolder } from '../../packages/backplane-postgres/test/postgres-server.js'
import { hasChromium } from '../../test-support/chromium.js'
import { useExample } from './use-example.js'

const hasRedis = existsSync('/usr/bin/redis-server') || existsSync('/usr/local/bin/redis-server')
const hasPostgres = (await serverFolder()) !== undefined

const themeSwitch = (page: Page) => page.getByRole('switch', { name: 'Dark theme' })
const isDark = async (page: Page) => (await themeSwitch(page).getAttribute('aria-checked')) === 'true'
const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor)

const examples = [
  { name: 'monitor' },
  { name: 'dashboard-vue' },
  { name: 'hono', hasIndicator: false },
  { name: 'chat' },
  { name: 'cluster', runs: hasRedis },
  { name: 'task-board', runs: hasPostgres },
]

describe.skipIf(!hasChromium)('the look of the examples', () => {
  let postgres: PostgresServer | undefined
  beforeAll(async () => {
    if (!hasPostgres) return
    postgres = await PostgresServer.start()
    process.env.DATABASE_URL = postgres.url
  })
  afterAll(async () => {
    delete process.env.DATABASE_URL
    await postgres?.dispose()
  })

  for (const { name, runs = true, hasIndicator = true } of examples) {
    describe.skipIf(!runs)(name, () => {
      const example = useExample(name)

      it('follows the theme of the system', async () => {
        const { page } = example
        await page.emulateMedia({ colorScheme: 'light' })
        await expect.poll(() => isDark(page)).toBe(false)
        const light = await background(page)
        await page.emulateMedia({ colorScheme: 'dark' })
        await expect.poll(() => isDark(page)).toBe(true)
        expect(await background(page)).not.toBe(light)
      })

      it('remembers a chosen theme, and has it before its script and its stylesheet', async () => {
        const { page } = example
        await page.emulateMedia({ colorScheme: 'light' })
        const light = await background(page)
        await themeSwitch(page).click()
        await expect.poll(() => isDark(page)).toBe(true)
        const dark = await background(page)
        expect(dark).not.toBe(light)

        await page.route('**/assets/*', (route) => route.abort())
        await page.reload()
        expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe('dark')
        await page.unroute('**/assets/*')
        await page.reload()
        await expect.poll(() => isDark(page)).toBe(true)
        expect(await background(page)).toBe(dark)

        // Back at the system's theme, it follows the system again.
        await themeSwitch(page).click()
        await expect.poll(() => isDark(page)).toBe(false)
        await page.emulateMedia({ colorScheme: 'dark' })
        await expect.poll(() => isDark(page)).toBe(true)
      })

      it('takes over a theme that is chosen in another tab', async () => {
        const { page } = example
        await page.emulateMedia({ colorScheme: 'light' })
        const other = await page.context().newPage()
        await other.emulateMedia({ colorScheme: 'light' })
        await other.goto(example.server.url)
        await themeSwitch(other).click()
        await expect.poll(() => isDark(page)).toBe(true)
        await other.close()
      })

      it.each([1280, 390])('has the logo, the indicator and the switch at their places: %d px', async (width) => {
        const { page } = example
        await page.setViewportSize({ width, height: 800 })
        if (hasIndicator) await page.locator('.rivulet-indicator--open').waitFor()
        const box = async (selector: string) => (await page.locator(`.header ${selector}`).boundingBox())!
        const at = await box('.theme-switch')
        expect([at.x + at.width, at.y]).toEqual([width - 10, 10])
        expect((await box('.header__logo')).x).toBeLessThan(70)
        if (!hasIndicator) return
        const indicator = await box('.rivulet-indicator')
        expect(at.x - indicator.x - indicator.width).toBeCloseTo(width === 1280 ? 12 : 8)
        expect(indicator.y + indicator.height / 2).toBeCloseTo(at.y + at.height / 2)
      })

      it.each([1280, 390])('does not scroll sideways: %d px', async (width) => {
        const { page } = example
        await page.setViewportSize({ width, height: 800 })
        await themeSwitch(page).waitFor()
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
      })
    })
  }
})
