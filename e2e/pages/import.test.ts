import { describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

describe.skipIf(!hasChromium)('the import', { timeout: 180_000 }, () => {
  const example = useExample('hono')

  const csv = (rows: number) =>
    ['email,name,password', ...Array.from({ length: rows }, (_, n) => `user${n}@example.com,User,long enough`)].join(
      '\n',
    )

  async function choose(name: string, content: string): Promise<void> {
    await example.page
      .locator('input[type=file]')
      .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) })
  }

  const card = (name: string) => example.page.getByRole('article', { name })
  const count = async (name: string, what: string) =>
    Number.parseInt((await card(name).locator('.count', { hasText: what }).locator('dd').textContent()) ?? '', 10)
  const completed = (name: string) => card(name).getByText('Completed in').waitFor({ timeout: 90_000 })

  it('shows each row of a file, and its error', async () => {
    await choose('people.csv', `${csv(5)}\nnobody,B,long enough\nc@example.com,C,short`)
    await completed('people.csv')
    expect([await count('people.csv', 'Accepted'), await count('people.csv', 'Rejected')]).toEqual([5, 2])
    await card('people.csv').getByText('2 rejected rows').click()
    expect(await card('people.csv').getByRole('row').allTextContents()).toEqual([
      'LineE-mailReason',
      '7nobodyThe e-mail address is not valid.',
      '8c@example.comThe password has fewer than 8 characters.',
    ])
  })

  it('continues after a reload in the middle, with every row once', async () => {
    await choose('long.csv', csv(30))
    await expect.poll(() => count('long.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(3)
    await example.page.reload()
    await expect.poll(() => count('long.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(6)
    await completed('long.csv')
    expect(await count('long.csv', 'Accepted')).toBe(30)
    // Finished, but still available to a later page.
    await example.page.reload()
    await completed('long.csv')
    expect(await count('long.csv', 'Accepted')).toBe(30)
  })

  it('runs two imports at once, and cancels one of them', async () => {
    await choose('one.csv', csv(400))
    await choose('two.csv', csv(5).replaceAll('user', 'other'))
    await completed('two.csv')
    await card('one.csv').getByRole('button', { name: 'Cancel' }).click()
    await card('one.csv').getByText('Cancelled after').waitFor()
    expect(await count('one.csv', 'Accepted')).toBeLessThan(400)
    await card('one.csv').getByRole('button', { name: 'Remove' }).click()
    await card('one.csv').waitFor({ state: 'detached' })
    await example.page.reload()
    await completed('two.csv')
    expect(await card('one.csv').count()).toBe(0)
  })

  it('says that an import is lost with its server, and imports again if the page still has the file', async () => {
    await choose('lost.csv', csv(20))
    await expect.poll(() => count('lost.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(3)
    await example.server.kill()
    await card('lost.csv').getByText('The connection is lost.').waitFor()
    await example.server.start()
    await card('lost.csv').getByText('The server does not know this import').waitFor()
    await card('lost.csv').getByRole('button', { name: 'Import again' }).click()
    await completed('lost.csv')
    expect(await count('lost.csv', 'Accepted')).toBe(20)
  })

  it('shows an import in a second tab, and cancels it for both', async () => {
    await choose('both.csv', csv(400))
    await expect.poll(() => count('both.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(3)
    const other = await example.page.context().newPage()
    await other.goto(example.server.url)
    const inOther = other.getByRole('article', { name: 'both.csv' })
    await inOther.getByRole('button', { name: 'Cancel' }).click()
    await inOther.getByText('Cancelled after').waitFor()
    await card('both.csv').getByText('Cancelled after').waitFor()
    expect(await inOther.locator('.count').allTextContents()).toEqual(
      await card('both.csv').locator('.count').allTextContents(),
    )
  })

  it('invites to a first import', async () => {
    await example.page.getByText('email,name,password').waitFor()
    await example.page.getByRole('button', { name: 'Import the sample' }).click()
    await expect.poll(() => count('sample.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(3)
    expect(await example.page.getByText('Nothing imported yet').count()).toBe(0)
  })

  it.each([1280, 390])('has its buttons side by side: %d px', async (width) => {
    await example.page.setViewportSize({ width, height: 800 })
    const top = async (name: string) => (await example.page.getByRole('button', { name }).boundingBox())!.y
    expect(await top('Choose a file')).toBe(await top('Use a sample'))
  })

  it('reports a file that cannot be imported', async () => {
    await choose('wrong.csv', 'first,second\n1,2')
    await card('wrong.csv').getByText('lacks: email, name, password').waitFor()
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await example.page.setViewportSize({ width: look.width, height: 800 })
    await example.page.emulateMedia(look)
    await example.page.getByText('Nothing imported yet').waitFor()
    expect(await faultsOf(example.page)).toEqual(faultless)
    await choose('a-file-with-a-rather-long-name-that-goes-on.csv', `${csv(3)}\nnobody,B,long enough`)
    await choose('wrong.csv', 'first,second\n1,2')
    await example.page.getByText('1 rejected row').click()
    await choose('running.csv', csv(400))
    await expect.poll(() => count('running.csv', 'Rows'), { timeout: 30_000 }).toBeGreaterThan(3)
    expect(await faultsOf(example.page)).toEqual(faultless)
  })
})
