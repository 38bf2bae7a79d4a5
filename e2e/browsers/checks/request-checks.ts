import { expect } from 'vitest'
import { type CheckGroup, expectAll, hadOf, isOpen, openStream, until } from '../check.js'

export const requestChecks: CheckGroup = {
  name: 'Streams',
  checks: [
    {
      name: 'receives events as they arrive',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events' })
        for (let n = 0; n < 5; n++) {
          server.publish(20)
          await expectAll(tab, server)
        }
        expect((await hadOf(tab)).errors).toEqual([])
      },
    },
    {
      name: 'resumes after a broken connection, with every event once and in order',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events' })
        for (let round = 1; round <= 2; round++) {
          server.publish(50)
          server.drop()
          server.publish(50)
          await expectAll(tab, server)
          expect(server.seen).toHaveLength(1 + round)
        }
      },
    },
    {
      name: 'reconnects to a server that was away, and to one that refuses for a while',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events' })
        server.publish(10)
        await expectAll(tab, server)
        await server.stop()
        server.publish(10)
        await until(tab, () => window.lab.streams[0]!.had.errors.length > 0)
        server.refuse = 2
        await server.start()
        await tab.evaluate(() => window.lab.streams[0]!.stream.reconnect())
        await expectAll(tab, server)
      },
    },
    {
      name: 'sends a POST with its body, and fresh headers with each attempt',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events', method: 'POST', body: '{"ask":"¿qué?"}', countAttempts: true })
        server.publish(3)
        await expectAll(tab, server)
        server.drop()
        await expect.poll(() => server.seen.length).toBe(2)
        server.publish(3)
        await expectAll(tab, server)
        expect(server.seen).toMatchObject([
          { method: 'POST', body: '{"ask":"¿qué?"}', headers: { 'x-attempt': '1' } },
          { method: 'POST', body: '{"ask":"¿qué?"}', headers: { 'x-attempt': '2' } },
        ])
        expect(server.seen[1]!.headers['last-event-id']).toMatch(/^[0-9a-z]+$/)
      },
    },
    {
      name: 'reads another origin, with its cookies, and resumes there',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const other = await site()
        const tab = await open(`${other.origin}/login`)
        await tab.goto(server.origin)
        await openStream(tab, { url: `${other.origin}/events`, credentials: 'include' })
        other.publish(3)
        other.drop()
        other.publish(3)
        await expectAll(tab, other)
        const requests = other.seen.map(({ headers }) => headers)
        expect(requests).toHaveLength(2)
        for (const { cookie, origin } of requests)
          expect({ cookie, origin }).toEqual({ cookie: 'user=ada', origin: server.origin })
        expect(requests[1]!['last-event-id']).toBeDefined()
      },
    },
    {
      name: 'decompresses gzip, each event as it arrives',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events/gzip' })
        for (let n = 0; n < 5; n++) {
          server.publish(1)
          await expectAll(tab, server)
        }
      },
    },
    {
      name: 'decompresses events that are compressed once for all streams, each as it arrives',
      quick: true,
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        for (let index = 0; index < 3; index++) {
          await openStream(tab, { url: '/events/deflate' })
          server.publish(400)
          for (let n = 0; n < 5; n++) {
            server.publish(1)
            await expectAll(tab, server, { index: 0 })
          }
        }
        server.drop()
        server.publish(5)
        await expectAll(tab, server, { index: 0 })
      },
    },
    {
      name: 'runs many streams on one HTTP/2 connection',
      quick: true,
      async run({ site, open }) {
        const server = await site({ http2: true })
        const tab = await open(server.origin)
        for (let n = 0; n < 12; n++) await openStream(tab, { url: '/events' })
        server.publish(10)
        for (let index = 0; index < 12; index++) await expectAll(tab, server, { index })
      },
    },
    {
      name: 'resumes all streams of a broken HTTP/2 connection',
      notes: {
        WebKit:
          'WebKitGTK does not tell a page that an HTTP/2 connection broke. The client notices the missing heartbeat after twice its interval.',
      },
      async run({ site, open }) {
        const server = await site({ http2: true, heartbeat: { intervalMs: 1_000 } })
        const tab = await open(server.origin)
        for (let n = 0; n < 3; n++) await openStream(tab, { url: '/events' })
        server.publish(10)
        for (let index = 0; index < 3; index++) await expectAll(tab, server, { index })
        server.drop()
        server.publish(10)
        for (let index = 0; index < 3; index++) await expectAll(tab, server, { index })
      },
    },
    {
      name: 'takes 50,000 events at once',
      async run({ site, open }) {
        const server = await site()
        const tab = await open(server.origin)
        await openStream(tab, { url: '/events' })
        server.publish(50_000)
        await expectAll(tab, server)
      },
    },
    {
      name: 'native EventSource reads the same stream, and resumes',
      async run({ site, open }) {
        const server = await site({ heartbeat: { as: 'event' } })
        const tab = await open(server.origin)
        await tab.evaluate(() => window.lab.openNative('/events'))
        await isOpen(tab)
        server.publish(5)
        server.drop()
        server.publish(5)
        await expectAll(tab, server)
      },
    },
  ],
}
