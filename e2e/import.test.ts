import { describe, expect, it } from 'vitest'
import { hasChromium } from '../test-support/chromium.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

describe.skipIf(!hasChromium)('the import', () => {
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
  const completed = (name: string) => card(name).getByText('Completed in').waitFor()

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
    await choose('long.csv', csv(60))
    await expect.poll(() => count('long.csv', 'Rows')).toBeGreaterThan(3)
    await example.page.reload()
    await expect.poll(() => count('long.csv', 'Rows')).toBeGreaterThan(6)
    await completed('long.csv')
    expect(await count('long.csv', 'Accepted')).toBe(60)
    // Finished, but still available to a later page.
    await example.page.reload()
    await completed('long.csv')
    expect(await count('long.csv', 'Accepted')).toBe(60)
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
  })

  it('restarts the import after the server was killed if the page still has the file, and says so otherwise', async () => {
    await choose('lost.csv', csv(40))
    await expect.poll(() => count('lost.csv', 'Rows')).toBeGreaterThan(3)
    await example.server.kill()
    await card('lost.csv').locator('.rivulet-indicator--waiting').waitFor()
    await example.server.start()
    await completed('lost.csv')
    expect(await count('lost.csv', 'Accepted')).toBe(40)

    await example.server.kill()
    await example.server.start()
    await example.page.reload()
    await card('lost.csv').getByText('This import is not known here').waitFor()
  })

  it('reports a file that cannot be imported', async () => {
    await choose('wrong.csv', 'first,second\n1,2')
    await card('wrong.csv').getByText('lacks: email, name, password').waitFor()
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await example.page.setViewportSize({ width: look.width, height: 800 })
    await example.page.emulateMedia(look)
    await choose('a-file-with-a-rather-long-name-that-goes-on.csv', `${csv(3)}\nnobody,B,long enough`)
    await choose('wrong.csv', 'first,second\n1,2')
    await example.page.getByText('1 rejected row').click()
    await choose('running.csv', csv(400))
    await expect.poll(() => count('running.csv', 'Rows')).toBeGreaterThan(3)
    expect(await faultsOf(example.page)).toEqual(faultless)
  })
})
