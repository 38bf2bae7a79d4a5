import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

const question = 'How does an answer survive a reload?'
const lastWords = 'It would never look complete when it is not.'

describe.skipIf(!hasChromium)('the chat', { timeout: 90_000 }, () => {
  const example = useExample('chat')

  const field = (page: Page) => page.getByLabel('Your message')
  const answer = (page: Page) => page.locator('.answer').last()
  const textOf = async (page: Page) => (await answer(page).textContent()) ?? ''
  const words = async (page: Page) => (await textOf(page)).split(/\s+/)

  async function ask(page: Page, text: string): Promise<void> {
    await field(page).fill(text)
    await field(page).press('Enter')
    await page.locator('.prompt').filter({ hasText: text }).waitFor()
  }

  const running = (page: Page) => page.locator('.answer[data-state="running"]')
  /** Waits until an answer is under way and has some words. */
  async function underWay(page: Page, count = 10): Promise<void> {
    await running(page).waitFor()
    await expect.poll(async () => (await words(page)).length, { timeout: 20_000 }).toBeGreaterThan(count)
    expect(await textOf(page)).not.toContain(lastWords)
  }
  const done = (page: Page) => page.locator('.answer[data-state="done"]').last().waitFor({ timeout: 60_000 })

  it('shows an answer as it is written, with its markdown', async () => {
    const { page } = example
    await ask(page, question)
    await underWay(page)
    await done(page)
    const text = await textOf(page)
    expect(text).toContain(lastWords)
    expect(await answer(page).locator('ol > li').count()).toBe(3)
    expect(await answer(page).locator('pre code').textContent()).toContain("app.get('/api/answers/:id'")
    expect(text).not.toContain('**')
  })

  it('reads a whole answer after a reload in the middle, with every word once', async () => {
    const { page } = example
    await ask(page, question)
    await underWay(page)
    await page.reload()
    await underWay(page)
    await done(page)
    const text = await textOf(page)
    expect(text.startsWith('An answer that survives a reload has to live outside the request')).toBe(true)
    expect(text.split(lastWords)).toHaveLength(2)
    await page.reload()
    await done(page)
    expect(await textOf(page)).toBe(text)
  })

  it('shows one answer in two tabs, and stops it in both', async () => {
    const { page } = example
    await ask(page, question)
    await underWay(page)
    const other = await page.context().newPage()
    await other.goto(page.url())
    await underWay(other)
    await other.getByRole('button', { name: 'Stop' }).click()
    for (const tab of [page, other]) await answer(tab).getByText('Stopped.').waitFor()
    expect(await textOf(page)).toBe(await textOf(other))
    expect(await textOf(page)).not.toContain(lastWords)
    await ask(other, 'What happens when I press Stop?')
    await page.locator('.prompt').nth(1).waitFor()
    await underWay(page)
  })

  it('asks once, although the response was lost and the user sends again', async () => {
    const { page } = example
    await page.route(
      '**/messages',
      async (route) => {
        await route.fetch()
        await route.abort()
      },
      { times: 1 },
    )
    await field(page).fill(question)
    await field(page).press('Enter')
    await page.getByText('The server cannot be reached.').waitFor()
    await field(page).press('Enter')
    await done(page)
    expect(await page.locator('.prompt').count()).toBe(1)
    expect(await page.locator('.answer').count()).toBe(1)
    expect((await textOf(page)).split(lastWords)).toHaveLength(2)
  })

  it('keeps the conversations', async () => {
    const { page } = example
    await ask(page, 'First question?')
    await done(page)
    await page.getByRole('button', { name: 'New chat' }).click()
    await ask(page, 'Second question?')
    await done(page)
    const titles = page.locator('.sidebar .title')
    await expect.poll(() => titles.allTextContents()).toEqual(['Second question?', 'First question?'])
    await titles.nth(1).click()
    await page.locator('.prompt').filter({ hasText: 'First question?' }).waitFor()
    await example.server.kill()
    await example.server.start()
    await page.reload()
    await done(page)
    expect(await titles.allTextContents()).toEqual(['Second question?', 'First question?'])
    await page.getByRole('button', { name: 'Delete “First question?”' }).click()
    await expect.poll(() => titles.allTextContents()).toEqual(['Second question?'])
  })

  it('says that an answer was lost with its server, and retries', async () => {
    const { page } = example
    await ask(page, question)
    await underWay(page, 40)
    await example.server.kill()
    await page.getByText('The connection is lost.').waitFor()
    await example.server.start()
    const retry = page.getByRole('button', { name: 'Try again' })
    await retry.waitFor({ timeout: 30_000 })
    await page.getByText('The server went down while it was writing this answer.').waitFor()
    await retry.click()
    await underWay(page)
    await done(page)
    expect(await page.locator('.answer').count()).toBe(1)
    expect(await textOf(page)).toContain(lastWords)
  })

  it('says that the model failed in the middle', async () => {
    const { page } = example
    await ask(page, 'Please fail in the middle.')
    await page.getByText('The model failed in the middle of this answer.').waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Try again' }).waitFor()
  })

  it('has no accessibility violation and nothing cut off, in light and dark, wide and narrow', async () => {
    const { page } = example
    const faults = async () => {
      for (const look of looks) {
        await page.setViewportSize({ width: look.width, height: 800 })
        await page.emulateMedia(look)
        expect(await faultsOf(page), `${look.colorScheme}, ${look.width} px`).toEqual(faultless)
      }
    }
    await faults()
    await ask(page, 'Please fail in the middle.')
    await page.getByRole('button', { name: 'Try again' }).waitFor({ timeout: 30_000 })
    await ask(page, question)
    await done(page)
    await faults()
  })
})
