import { expect } from 'vitest'
import { type CheckGroup, expectAll, hadOf, isOpen, keepPublishing, numbers, openStream, until } from '../check.js'

export const pageChecks: CheckGroup = {
  name: 'Pages',
  checks: [
    {
      name: 'HTTP/1.1 allows six connections: the seventh stream waits for a free one',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        for (let n = 0; n < 6; n++) await openStream(tab, { url: '/events' })
        await tab.evaluate(() => window.lab.open({ url: '/events' }))
        server.publish(5)
        for (let index = 0; index < 6; index++) await expectAll(tab, server, { index })
        expect(await hadOf(tab)).toMatchObject({ received: [], status: 'connecting' })
        await tab.evaluate(() => window.lab.streams[0]!.stream.close())
        await isOpen(tab)
        server.publish(5)
        await expectAll(tab, server, { from: 6 })
      },
    },
    {
      name: 'works behind a service worker that passes requests through',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await tab.evaluate(async () => {
          await navigator.serviceWorker.register('/worker.js')
          await navigator.serviceWorker.ready
        })
        await until(tab, () => navigator.serviceWorker.controller !== null)
        await openStream(tab, { url: '/events' })
        server.publish(5)
        await expectAll(tab, server)
        server.drop()
        server.publish(5)
        await expectAll(tab, server)
      },
    },
    {
      name: 'retries at once when the browser reports that it is online again',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events' })
        server.publish(5)
        await server.stop()
        // Long enough for the delay between attempts to grow.
        await until(tab, () => window.lab.streams[0]!.had.errors.length >= 4)
        server.publish(5)
        await server.start()
        await tab.evaluate(() => void window.dispatchEvent(new Event('online')))
        await expectAll(tab, server)
      },
    },
    {
      name: 'continues after a reload with `persist`',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events', persist: true })
        server.publish(20)
        await expectAll(tab, server)
        server.publish(20)
        await tab.reload()
        server.publish(20)
        await tab.evaluate(() => window.lab.open({ url: '/events', persist: true }))
        await until(tab, (last) => window.lab.streams[0]!.had.received.at(-1) === last, server.published)
        const { received, gaps } = await hadOf(tab)
        // The number of events that arrived before the user left the page is unknown.
        expect(received[0]).toBeLessThanOrEqual(41)
        expect(received).toEqual(numbers(received[0]!, 60))
        expect(gaps).toEqual([])
      },
    },
    {
      name: 'loses nothing when a page is reloaded in the middle of a slow loop',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        const settings = { url: '/events', persist: true, slowLoopMs: 20 }
        await openStream(tab, settings)
        server.publish(200)
        await until(tab, () => window.lab.streams[0]!.had.received.length > 10)
        await tab.reload()
        const before = await tab.evaluate(() => JSON.parse(sessionStorage.getItem('lab:received')!) as number[])
        await tab.evaluate((given) => window.lab.open(given), settings)
        await until(tab, (last) => window.lab.streams[0]!.had.received.at(-1) === last, server.published)
        const { received, gaps } = await hadOf(tab)
        expect(gaps).toEqual([])
        expect(received).toEqual(numbers(received[0]!, 200))
        // The loop's current event may arrive again, because the page cannot tell whether the loop had finished with it.
        expect(received[0]).toBeLessThanOrEqual(before.at(-1)! + 1)
        expect(received[0]).toBeGreaterThanOrEqual(before.at(-1)!)
      },
    },
    {
      name: 'reports no error when a page with a stream is reloaded or left',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        const stop = keepPublishing(server)
        for (let n = 0; n < 3; n++) {
          await openStream(tab, { url: '/events' })
          await until(tab, () => window.lab.streams[0]!.had.received.length > 5)
          if (n < 2) await tab.reload()
          else await tab.goto(`${server.origin}/?again`)
        }
        stop()
        expect(await tab.evaluate(() => window.lab.earlierErrors)).toEqual([])
      },
    },
    {
      name: 'misses nothing when the user returns, through the back/forward cache or a new load with `persist`',
      notes: {
        Firefox:
          'Firefox does not cache a page that has an open stream, or had one a moment ago: it loads the page again.',
      },
      async run({ engine, site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        const settings = { url: '/events', persist: true }
        await openStream(tab, settings)
        server.publish(10)
        await expectAll(tab, server)
        // Firefox uses its cache only for navigations that the page makes itself, if at all.
        await tab.evaluate(() => {
          window.location.href = '/blank'
        })
        await expect.poll(() => tab.evaluate(() => document.body.textContent)).toBe('blank')
        server.publish(10)
        await tab.back()
        const cached = engine !== 'Firefox'
        await until(tab, (restored) => window.lab && window.restored === restored, cached)
        if (!cached) await openStream(tab, settings)
        server.publish(10)
        await expectAll(tab, server, { from: cached ? 1 : 11 })
      },
    },
  ],
}
