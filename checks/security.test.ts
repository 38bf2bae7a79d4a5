import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { EventStreamService } from '@rivulet/client'
import { decodeStream, defineEvents, type SseMessage } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { root } from '../test-support/root.js'
import { namedTests } from './named-tests.js'

const events = defineEvents({ log: z.looseObject({ message: z.string() }) })

async function start(options: EventStreamOptions<IncomingMessage, unknown, typeof events> = {}) {
  const manager = new EventManager({ events, onError: () => {} })
  const server = createServer((request, response) => {
    void handleEventStream(manager, request, response, options)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.close()
  })
  return { manager, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

/** Reads the first messages of a stream. */
async function read(response: Response, count: number): Promise<SseMessage[]> {
  const messages: SseMessage[] = []
  for await (const message of decodeStream(response.body!)) {
    messages.push(message)
    if (messages.length === count) break
  }
  return messages
}

describe('who may publish', () => {
  it('no request to a stream publishes anything', async () => {
    const { manager, url } = await start()
    const forged = 'event: log\ndata: {"message":"forged"}\n\n'
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const response = await fetch(`${url}?event=log&message=forged`, { method, body: forged })
      await response.body?.cancel()
    }
    expect(manager.stats().published).toBe(0)
  })
})

describe('injection', () => {
  const nasty = ['\n\nevent: rivulet:close\ndata: {}\n\n', '\r\rid: 1\r', '\u2028\u2029\0\uFEFF', '\nretry: 0\n: x']

  it('text in a payload stays text, whatever it contains', async () => {
    const { manager, url } = await start({ replay: nasty.length })
    for (const message of nasty) await manager.publish('log', { message, [message]: message })
    const messages = await read(await fetch(url), 1 + nasty.length)
    expect(messages.map(({ event }) => event)).toEqual(['rivulet:open', ...nasty.map(() => 'log')])
    expect(messages.slice(1).map(({ data }) => JSON.parse(data).message)).toEqual(nasty)
  })

  it('a payload changes no prototype at the receiver', async () => {
    const { manager, url } = await start({ replay: 1 })
    const payload = JSON.parse('{ "message": "m", "__proto__": { "admin": true }, "constructor": { "admin": true } }')
    await manager.publish('log', payload)
    const stream = new EventStreamService({ url, events, validate: false })
    for await (const event of stream.events('log')) {
      expect((event as { admin?: boolean }).admin).toBeUndefined()
      expect(event.message).toBe('m')
      break
    }
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })
})

describe('cursors', () => {
  it('a cursor reveals nothing about channels that the client may not read', async () => {
    const { manager, url } = await start({ channels: ['mine'] })
    const first = await manager.publish('log', { message: 'secret' }, { channel: 'theirs' })
    for (let n = 0; n < 5; n++) await manager.publish('log', { message: 'secret' }, { channel: 'theirs' })
    const last = await manager.publish('log', { message: 'mine' }, { channel: 'mine' })

    // The cursor belongs to the other channel. Only later events of the client's own channel follow.
    const messages = await read(await fetch(url, { headers: { 'last-event-id': first.id! } }), 2)
    expect(JSON.parse(messages[0]!.data)).toMatchObject({ recovered: true, replayed: 1 })
    expect(messages[1]).toMatchObject({ event: 'log', lastEventId: last.id })
    expect(JSON.stringify(messages)).not.toMatch(/secret|theirs/)
  })

  it.each([
    ['zero', '0'],
    ['below zero', '-1'],
    ['a path', '../../etc/passwd'],
    ['SQL', "' OR 1=1 --"],
    ['NUL', '\0'],
    ['in the far future', 'zzzzzzzzzzzz'],
    ['very long', 'z'.repeat(8_000)],
  ])('a malformed cursor opens the stream and does no harm: %s', async (_, cursor) => {
    const { manager, url } = await start()
    const response = await fetch(`${url}?lastEventId=${encodeURIComponent(cursor)}`)
    expect(response.status).toBe(200)
    const reading = read(response, 3)
    await expect.poll(() => manager.connections.size).toBe(1)
    await manager.publish('log', { message: 'still here' })
    const messages = await reading.then((all) => all.map(({ event }) => event))
    expect(messages).toContain('log')
  })
})

describe('other origins', () => {
  it('a stream does not let other origins read it by default', async () => {
    const { url } = await start()
    const { headers, body } = await fetch(url, { headers: { origin: 'https://evil.example' } })
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    await body?.cancel()
  })

  it('a stream forbids caching and transforming on the way', async () => {
    const { url } = await start()
    const { headers, body } = await fetch(url)
    expect(headers.get('cache-control')).toBe('no-cache, no-transform')
    await body?.cancel()
  })

  it('the client sends cookies to its own origin only, unless told otherwise', async () => {
    const asked: RequestCredentials[] = []
    const stream = new EventStreamService({
      url: 'https://other.example/',
      fetch: (url, init) => {
        asked.push(new Request(url, init).credentials)
        return Promise.resolve(new Response(null, { status: 204 }))
      },
    })
    stream.connect()
    await expect.poll(() => stream.status).toBe('closed')
    expect(asked).toEqual(['same-origin'])
  })
})

describe('SECURITY.md', () => {
  const page = readFileSync(join(root, 'SECURITY.md'), 'utf8')

  it('names tests that exist', () => {
    const { count, missing } = namedTests(page)
    expect(count).toBeGreaterThan(20)
    expect(missing).toEqual([])
  })

  it('has a test for every threat', () => {
    const rows = page
      .split('## Threats')[1]!
      .split('## Dependencies')[0]!
      .match(/^\| (?!what must|---).*$/gm)!
    expect(rows.filter((row) => !row.includes('.test.ts`: "'))).toEqual([])
  })

  it('lists what the packages depend on, for which of them, and what they expect', () => {
    const manifests = readdirSync(join(root, 'packages'))
      .map((name) => join(root, 'packages', name, 'package.json'))
      // A build that was left behind makes a folder without one.
      .filter((manifest) => existsSync(manifest))
      .map((manifest) => JSON.parse(readFileSync(manifest, 'utf8')))
      .filter((manifest) => !manifest.private)
    const dependencies = manifests.flatMap(({ name, dependencies = {} }) =>
      Object.keys(dependencies)
        .filter((dependency) => !dependency.startsWith('@rivulet/'))
        .map((dependency) => `${dependency} for ${name}`),
    )
    const peers = manifests.flatMap(({ peerDependencies = {} }) => Object.keys(peerDependencies))
    const [table, rest] = page.split('## Dependencies')[1]!.split(/\n\n(?=Frameworks)/)
    const rows = table!.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| \w/gm)
    expect(Array.from(rows, ([, dependency, name]) => `${dependency} for ${name}`)).toEqual(dependencies)
    const named = Array.from(rest!.matchAll(/`([^`]+)`/g), ([, name]) => name)
    expect(named.sort()).toEqual([...new Set(peers)].sort())
  })
})
