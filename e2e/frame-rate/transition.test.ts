import { expect, it, onTestFinished } from 'vitest'
import { hasChromium, launchChromium } from '../../test-support/chromium.js'
import { servePage } from './page-server.js'
import type {} from './transition.js'

const slowCount = 50

it.skipIf(!hasChromium)('a stream neither restarts a transition of React nor tears the page', async () => {
  const server = await servePage('transition.tsx')
  const browser = await launchChromium()
  let published = 0
  const timer = setInterval(() => server.manager.emit('tick', { n: ++published }), 150)
  onTestFinished(async () => {
    clearInterval(timer)
    await browser.close()
    await server.stop()
  })
  const page = await browser.newPage()
  await page.goto(server.url)
  await page.waitForFunction(() => Number(document.querySelector('output')?.textContent) > 1)
  await page.evaluate(() => window.scene.start())
  await page.waitForFunction(() => window.scene.committedAfter !== undefined)
  // The page goes on with the events that came meanwhile.
  const { startedAfter, committedAfter, slowRenders } = await page.evaluate(() => window.scene)
  await page.waitForFunction((count) => Number(document.querySelector('output')?.textContent) > count, committedAfter!)
  const { paints } = await page.evaluate(() => window.scene)

  expect(paints.filter((counts) => new Set(counts).size > 1)).toEqual([])
  // Events came while React rendered, and none made it render again.
  expect(committedAfter! - startedAfter!).toBeGreaterThan(1)
  expect(slowRenders).toBe(slowCount)

  const shown = paints.filter(({ length }) => length === 2).map(([count]) => Number(count))
  console.log(
    `Transition: ${slowRenders} renders, ${committedAfter! - startedAfter!} events, ${shown.filter((count) => count > startedAfter!).length} shown before its commit`,
  )
})
