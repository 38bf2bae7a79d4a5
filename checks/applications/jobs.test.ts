import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { useApplication } from './use-application.js'

describe.skipIf(!hasChromium)('a job board', () => {
  const application = useApplication('jobs')
  const start = (name: string, lines: number) => application.post(`/api/jobs?name=${name}&lines=${lines}`, 'ada', {})

  const row = (page: Page, name: string) => page.getByRole('listitem', { name })
  const show = (page: Page, name: string, on: boolean) => row(page, name).getByRole('checkbox').setChecked(on)
  const panel = (page: Page, job: string) => page.getByLabel(`Job ${job}`)
  const linesOf = async (page: Page, job: string) => (await panel(page, job).locator('pre').textContent())!.split(' ')
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)
  const ended = (page: Page, name: string) => row(page, name).getByText('ended').waitFor()

  it('shows whole jobs, although connections break while jobs come and go', async () => {
    const { network } = application
    const page = await application.open()
    const fetched: string[] = []
    page.on('request', (request) => request.url().endsWith('/api/jobs') && fetched.push(request.url()))
    await page.locator('.rivulet-indicator--open').waitFor()
    await start('build', 300)
    await show(page, 'build', true)
    // The list may have been fetched once more, because its answer came before the stream had begun.
    fetched.length = 0
    await start('test', 250)
    await show(page, 'test', true)
    for (let cut = 0; cut < 3; cut++) {
      const before = (await linesOf(page, '1')).length
      await expect.poll(async () => (await linesOf(page, '1')).length).toBeGreaterThan(before + 20)
      network.cut()
      await show(page, 'test', cut % 2 === 1)
      await page.locator('.rivulet-indicator--waiting').waitFor()
      network.mend()
      if (cut === 1) await start('deploy', 100)
    }
    for (const name of ['test', 'deploy']) await show(page, name, true)
    for (const name of ['build', 'test', 'deploy']) await ended(page, name)
    for (const [job, count] of [
      ['1', 300],
      ['2', 250],
      ['3', 100],
    ] as const) {
      await panel(page, job).getByText('100 %').waitFor()
      expect(await linesOf(page, job)).toEqual(upTo(count))
    }
    await expect.poll(() => row(page, 'build').locator('progress').getAttribute('value')).toBe('100')
    expect(await page.getByRole('alert').count()).toBe(0)
    expect(fetched).toEqual([])
  })

  it('begins a job anew that is shown again, in a page that was opened later', async () => {
    await start('build', 50)
    const page = await application.open()
    await ended(page, 'build')
    for (let time = 0; time < 3; time++) {
      await show(page, 'build', true)
      await expect.poll(() => linesOf(page, '1')).toEqual(upTo(50))
      await show(page, 'build', false)
      await panel(page, '1').waitFor({ state: 'detached' })
    }
  })
})
