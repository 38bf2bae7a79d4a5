import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { useApplication } from './use-application.js'

describe.skipIf(!hasChromium)('a notification centre', () => {
  const application = useApplication('notifications')
  const notify = (channel: string, text: string) => application.post('/api/notify', 'bob', { channel, text })

  async function signIn(name: string): Promise<Page> {
    const page = await application.open()
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await connected(page)
    return page
  }
  const connected = (page: Page) => page.locator('.rivulet-indicator--open').waitFor()
  const unread = (page: Page) => page.getByLabel('Unread').textContent()
  const toasts = (page: Page) => page.getByLabel('Toasts').getByRole('listitem').allTextContents()
  /** From the oldest to the newest. */
  const inbox = async (page: Page) => (await page.getByLabel('Inbox').getByRole('listitem').allTextContents()).reverse()
  const numbered = (channel: string, from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => `${channel}: ${from + index}`)

  it('shows a user what is theirs, and toasts for what is new only', async () => {
    for (const n of [1, 2, 3]) await notify('team:red', `${n}`)
    await notify('team:green', 'for others')
    const ada = await signIn('ada')
    const bob = await signIn('bob')
    await notify('user:ada', '4')
    await expect.poll(() => inbox(ada)).toEqual(['user:ada: 4'])
    for (const page of [ada, bob]) for (const team of ['red', 'green']) await page.getByLabel(team).check()
    await expect.poll(() => inbox(ada)).toEqual([...numbered('team:red', 1, 3), 'user:ada: 4'])
    await notify('team:red', '5')
    await expect.poll(() => toasts(ada)).toEqual(['4', '5'])
    expect(await unread(ada)).toBe('5')
    expect(await inbox(bob)).toEqual([])
    await ada.getByLabel('red').uncheck()
    await expect.poll(() => inbox(ada)).toEqual(['user:ada: 4'])
    await ada.getByLabel('red').check()
    await expect.poll(() => inbox(ada)).toEqual([...numbered('team:red', 1, 3), 'user:ada: 4', 'team:red: 5'])
    expect(await toasts(ada)).toEqual(['4', '5'])
  })

  it('loses and doubles nothing while connections break, channels change and the page is reloaded', async () => {
    const { network } = application
    const ada = await signIn('ada')
    let sent = 0
    const send = async (count: number) => {
      for (const last = sent + count; sent < last; ) await notify('user:ada', `${++sent}`)
    }
    for (let round = 0; round < 4; round++) {
      const sending = send(60)
      await ada.getByLabel('blue').setChecked(round % 2 === 0)
      network.cut()
      await ada.locator('.rivulet-indicator--waiting').waitFor()
      network.mend()
      if (round === 2) await ada.reload()
      await sending
      await connected(ada)
    }
    await expect.poll(() => inbox(ada)).toEqual(numbered('user:ada', 1, sent))
    expect(await ada.getByRole('alert').count()).toBe(0)
    const shown = await toasts(ada)
    expect(new Set(shown).size).toBe(shown.length)
    expect(shown.length).toBeLessThan(sent)
  })

  it('keeps what is read over a reload, and in the user’s other tabs', async () => {
    const ada = await signIn('ada')
    const phone = await signIn('ada')
    for (const n of [1, 2, 3]) await notify('user:ada', `${n}`)
    for (const page of [ada, phone]) await expect.poll(() => unread(page)).toBe('3')
    await ada.getByRole('button', { name: 'Mark all as read' }).click()
    for (const page of [ada, phone]) await expect.poll(() => unread(page)).toBe('0')
    await notify('user:ada', '4')
    await expect.poll(() => unread(ada)).toBe('1')
    await ada.reload()
    await connected(ada)
    expect(await unread(ada)).toBe('1')
    expect(await inbox(ada)).toEqual(numbered('user:ada', 1, 4))
    expect(await toasts(ada)).toEqual([])
  })

  it('is told when notifications are gone', async () => {
    const { server, network } = application
    const ada = await signIn('ada')
    await notify('user:ada', '1')
    await expect.poll(() => unread(ada)).toBe('1')
    network.cut()
    await server.stop()
    await server.start()
    await notify('user:ada', '2')
    network.mend()
    await expect.poll(() => inbox(ada)).toEqual(numbered('user:ada', 1, 2))
    expect(await ada.getByRole('alert').textContent()).toBe('Notifications may be missing: restarted')
  })
})
