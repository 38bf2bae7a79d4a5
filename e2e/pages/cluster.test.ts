import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { hasChromium } from '../../test-support/chromium.js'
import { exampleFolder } from '../../test-support/example-process.js'
import { faultless, faultsOf, looks } from './page-faults.js'
import { useExample } from './use-example.js'

const hasRedis = existsSync('/usr/bin/redis-server') || existsSync('/usr/local/bin/redis-server')

describe.skipIf(!hasChromium || !hasRedis)('the cluster', () => {
  const example = useExample('cluster')
  beforeEach(() => example.page.locator('.rivulet-indicator--open').waitFor())

  const fact = async (name: string) => Number((await example.page.getByTestId(name).textContent())?.replaceAll(',', ''))
  const node = () => example.page.getByTestId('node').textContent()
  const more = async (lines: number) => {
    const before = await fact('lines')
    await expect.poll(() => fact('lines'), { timeout: 30_000 }).toBeGreaterThan(before + lines)
  }

  it('continues on another node each time its node is killed, with no line missing or repeated', async () => {
    await more(10)
    for (let death = 0; death < 4; death++) {
      const name = await node()
      const { stdout } = await promisify(execFile)('npm', ['run', 'kill', '--', name!], {
        cwd: exampleFolder('cluster'),
      })
      expect(stdout).toContain(`Node ${name} was killed.`)
      await expect.poll(node, { timeout: 30_000 }).not.toBe(name)
      await more(10)
    }
    expect([await fact('missing'), await fact('repeated')]).toEqual([0, 0])
  })

  it('shows the pages of all nodes, without those of a node that died', async () => {
    const { page } = example
    const pages = () => page.getByTestId('pages').textContent()
    const others = await Promise.all([0, 1].map(() => page.context().newPage()))
    for (const other of others) await other.goto(page.url())
    const total = async () => [...(await pages())!.matchAll(/\d+/g)].reduce((sum, [count]) => sum + Number(count), 0)
    await expect.poll(total, { timeout: 30_000 }).toBe(3)
    await page.getByRole('button', { name: 'Kill a node' }).click()
    await expect.poll(total, { timeout: 30_000 }).toBe(3)
    for (const other of others) await other.close()
    await expect.poll(pages, { timeout: 30_000 }).toMatch(/^[ABC] 1$/)
  })

  it.each(looks)('has no accessibility violation and nothing cut off: $colorScheme, $width px', async (look) => {
    await example.page.setViewportSize({ width: look.width, height: 800 })
    await example.page.emulateMedia(look)
    await more(3)
    expect(await faultsOf(example.page)).toEqual(faultless)
  })
})
