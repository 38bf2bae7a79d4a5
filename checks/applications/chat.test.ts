import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { useApplication } from './use-application.js'

const upTo = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1} `).join('')

describe.skipIf(!hasChromium)('a chat over a language model', () => {
  const application = useApplication('chat')

  async function signIn(name: string): Promise<Page> {
    const page = await application.open()
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Name').press('Enter')
    await page.locator('.rivulet-indicator--open').waitFor()
    return page
  }
  async function ask(page: Page, prompt: string): Promise<void> {
    await page.getByLabel('Prompt').fill(prompt)
    await page.getByLabel('Prompt').press('Enter')
  }
  const textOf = (page: Page, prompt: string) => page.getByLabel(prompt).locator('.text').textContent()
  const until = (page: Page, prompt: string, state: string) =>
    page.locator(`article[aria-label="${prompt}"][data-state="${state}"]`).waitFor()
  const underWay = async (page: Page, prompt: string, words: number) =>
    expect.poll(async () => (await textOf(page, prompt))?.split(' ').length).toBeGreaterThan(words)

  it('shows an answer once and whole on two devices, although connections break and a page is reloaded', async () => {
    const { network } = application
    const laptop = await signIn('ada')
    const phone = await signIn('ada')
    await ask(laptop, 'Count to 200')
    await underWay(phone, 'Count to 200', 20)
    await laptop.reload()
    for (let cut = 0; cut < 2; cut++) {
      await underWay(laptop, 'Count to 200', 40 + 40 * cut)
      network.cut()
      await phone.locator('.rivulet-indicator--waiting').waitFor()
      network.mend()
    }
    for (const page of [laptop, phone]) {
      await until(page, 'Count to 200', 'done')
      expect(await textOf(page, 'Count to 200')).toBe(upTo(200))
    }
    await phone.reload()
    await until(phone, 'Count to 200', 'done')
    expect(await textOf(phone, 'Count to 200')).toBe(upTo(200))
  })

  it('stops an answer on all devices, and shows it to nobody else', async () => {
    const laptop = await signIn('ada')
    const phone = await signIn('ada')
    const stranger = await signIn('bob')
    await ask(laptop, 'Count to 900')
    await underWay(phone, 'Count to 900', 10)
    await phone.getByRole('button', { name: 'Stop' }).click()
    for (const page of [laptop, phone]) await until(page, 'Count to 900', 'stopped')
    const text = await textOf(laptop, 'Count to 900')
    expect(upTo(900).startsWith(text!)).toBe(true)
    expect(await textOf(phone, 'Count to 900')).toBe(text)
    expect(await stranger.getByRole('article').count()).toBe(0)
  })

  it('loads older questions, while others are asked, each once and in order', async () => {
    const page = await signIn('ada')
    for (let n = 1; n <= 8; n++) {
      await ask(page, `Question ${n}`)
      await until(page, `Question ${n}`, 'done')
    }
    await page.reload()
    const prompts = () => page.locator('article h2').allTextContents()
    const from = (n: number) => Array.from({ length: 9 - n }, (_, index) => `Question ${n + index}`)
    await expect.poll(prompts).toEqual(from(6))
    await page.getByRole('button', { name: 'Older' }).click()
    await ask(page, 'Count to 3')
    await expect.poll(prompts).toEqual([...from(3), 'Count to 3'])
    application.network.cut()
    await page.locator('.rivulet-indicator--waiting').waitFor()
    application.network.mend()
    await page.getByRole('button', { name: 'Older' }).click()
    await expect.poll(prompts).toEqual([...from(1), 'Count to 3'])
    await page.getByRole('button', { name: 'Older' }).waitFor({ state: 'detached' })
    await until(page, 'Question 1', 'done')
    expect(await textOf(page, 'Question 1')).toBe('1 ')
  })

  it('says that an answer was lost with its server, and keeps what there is of it', async () => {
    const { server } = application
    const page = await signIn('ada')
    await ask(page, 'Count to 5')
    await until(page, 'Count to 5', 'done')
    await ask(page, 'Count to 900')
    await underWay(page, 'Count to 900', 10)
    await server.stop()
    await server.start()
    await until(page, 'Count to 900', 'failed')
    await page.getByLabel('Count to 900').getByText('producer lost').waitFor()
    const text = await textOf(page, 'Count to 900')
    expect(upTo(900).startsWith(text!)).toBe(true)
    await page.reload()
    await until(page, 'Count to 900', 'failed')
    expect(await textOf(page, 'Count to 900')).toBe(text)
    expect(await textOf(page, 'Count to 5')).toBe(upTo(5))
    await ask(page, 'Count to 7')
    await until(page, 'Count to 7', 'done')
  })
})
