import { createServer, type IncomingMessage } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../../test-support/random.js'
import { allows, behave, foreignValues, givesValue, type Manner, manners } from '../../test/foreign-values.js'
import { listen } from '../../test/stream-client.js'
import type { Backplane, ReadResult } from '../backplane/backplane.js'
import { MemoryBackplane, type MemoryBackplaneOptions } from '../backplane/memory-backplane.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleEventHistory } from '../node.js'
import { eventHistoryResponse } from '../web.js'
import type { EventHistoryOptions } from './event-history.js'
import type { ChannelsOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ text: z.string() }), other: z.object({}) })
type Options = EventHistoryOptions<unknown, unknown, typeof events>
type ManagerOptions = Partial<EventManagerOptions<typeof events>>

interface Page {
  readonly events: readonly { readonly id: string; readonly event: string; readonly data: { readonly text: string } }[]
  readonly hasOlder: boolean
  readonly before?: string
  readonly trimmed?: true
}

async function start(options: Options = {}, managerOptions: ManagerOptions = {}) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError, ...managerOptions })
  onTestFinished(() => manager.close())
  const url = await listen(
    createServer((request, response) => {
      response.setHeader('Access-Control-Allow-Origin', 'https://example.com')
      void handleEventHistory(manager, request, response, options)
    }),
  )
  const load = async (query = '') => {
    const response = await fetch(`${url}/events/history${query}`)
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const page = async (query?: string): Promise<Page> => JSON.parse((await load(query)).text)
  const texts = async (query?: string) => (await page(query)).events.map(({ data }) => data.text)
  const publish = async (channel: string, from: number, to: number) => {
    const ids: string[] = []
    for (let number = from; number <= to; number++) {
      ids.push((await manager.publish('log', { text: `${number}` }, { channel })).id!)
    }
    return ids
  }
  return { manager, onError, load, page, texts, publish }
}

const requested = (_request: unknown, _context: unknown, { requested = ['default'] }: ChannelsOptions) => [...requested]

describe('the history route', () => {
  it('answers with the newest events, as the wire has them, and then with older ones', async () => {
    const { load, page, publish } = await start()
    const ids = await publish('default', 1, 5)
    const { status, headers, text } = await load('?limit=2')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBe('https://example.com')
    const data = { timestamp: expect.any(Number), source: 'server' }
    expect(JSON.parse(text)).toEqual({
      events: [
        { id: ids[3], event: 'log', data: { text: '4', ...data } },
        { id: ids[4], event: 'log', data: { text: '5', ...data } },
      ],
      hasOlder: true,
      before: ids[3],
    })
    expect(await page(`?limit=2&before=${ids[3]}`)).toMatchObject({
      events: [{ id: ids[1] }, { id: ids[2] }],
      hasOlder: true,
    })
    expect(await page(`?limit=2&before=${ids[1]}`)).toMatchObject({ events: [{ id: ids[0] }], hasOlder: false })
    expect(await page(`?limit=2&before=${ids[0]}`)).toMatchObject({ events: [], hasOlder: false })
  })

  it('gives at most maxEvents, and 100 by default', async () => {
    const { texts, publish } = await start()
    await publish('default', 1, 120)
    expect(await texts()).toHaveLength(100)
    expect(await texts('?limit=1000')).toHaveLength(100)
    const bounded = await start({ maxEvents: 3 })
    await bounded.publish('default', 1, 5)
    expect(await bounded.texts()).toEqual(['3', '4', '5'])
    expect(await bounded.texts('?limit=4')).toEqual(['3', '4', '5'])
    expect(await bounded.texts('?limit=1')).toEqual(['5'])
  })

  it('counts over all channels of the route, in the order of publishing, or over those that are asked for', async () => {
    const { texts, publish, page } = await start({ channels: ['a', 'b'] })
    await publish('a', 1, 3)
    await publish('b', 4, 6)
    const [last] = await publish('a', 7, 7)
    await publish('c', 8, 9)
    expect(await texts('?limit=3')).toEqual(['5', '6', '7'])
    expect(await texts(`?limit=4&before=${last}`)).toEqual(['3', '4', '5', '6'])
    expect(await texts('?channel=a')).toEqual(['1', '2', '3', '7'])
    expect((await page('?channel=b')).events[0]!.data).toMatchObject({ channel: 'b' })
  })

  it('asks channels with the names that the client asks for, and refuses others', async () => {
    const channels = vi.fn((_request: unknown, _context: unknown, { requested }: ChannelsOptions) =>
      (requested ?? []).filter((name) => name !== 'secret').concat('own'),
    )
    const { load, texts, publish } = await start({ channels })
    await publish('a', 1, 1)
    await publish('secret', 2, 2)
    expect(await texts('?channel=a')).toEqual(['1'])
    expect(channels.mock.calls[0]![2].requested).toEqual(['a'])
    expect(await load('?channel=secret')).toMatchObject({ status: 403, text: '' })
    expect(await load('?channel=a&channel=secret')).toMatchObject({ status: 403, text: '' })
    expect(await texts()).toEqual([])
  })

  it('never shows what Rivulet itself keeps', async () => {
    const { load } = await start({ channels: requested })
    expect((await load('?channel=rivulet%3Acontrol')).status).toBe(403)
  })

  it('withholds what the filter withholds, and goes on behind it', async () => {
    const filter: Options['filter'] = (event) => {
      if (event.text === '3') throw new Error('no')
      return event.text !== '4'
    }
    const { texts, page, publish, onError } = await start({
      authorize: () => ({ context: 'eve' }),
      filter,
    })
    const ids = await publish('default', 1, 5)
    expect(await texts()).toEqual(['1', '2', '5'])
    expect(onError.mock.calls).toEqual([[new Error('no'), { stage: 'filter', channel: 'default' }]])
    const hidden = await page(`?limit=2&before=${ids[4]}`)
    expect(hidden).toEqual({ events: [], hasOlder: true, before: ids[2] })
    expect(await texts(`?before=${hidden.before}`)).toEqual(['1', '2'])
  })

  it.each([
    ['before=X', 'before: Send the id of an event.'],
    ['limit=0', 'limit: Send an integer of 1 or more.'],
    ['limit=-1', 'limit: Send an integer of 1 or more.'],
    ['limit=1e3', 'limit: Send an integer of 1 or more.'],
    ['channel=', 'Ask for at most'],
    [`channel=${'x'.repeat(257)}`, 'Ask for at most'],
  ])('answers ?%s with 400, and says what is wrong', async (query, message) => {
    const { load, onError } = await start({ channels: requested })
    const { status, text } = await load(`?${query}`)
    expect([status, text.slice(0, message.length)]).toEqual([400, message])
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers 500 for a bound that is none', async () => {
    const { load, onError } = await start({ maxEvents: 0 })
    expect((await load()).status).toBe(500)
    expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'RIVULET_CONFIGURATION' })
  })

  it('ends an answer before it becomes too large, after one event at least', async () => {
    const { manager, page } = await start()
    for (const size of [600_000, 600_000, 300_000, 2_000_000]) await manager.publish('log', { text: 'x'.repeat(size) })
    const sizes: number[][] = []
    for (let before: string | undefined = ''; before !== undefined; ) {
      const { events, before: next }: Page = await page(before && `?before=${before}`)
      sizes.push(events.map(({ data }) => data.text.length))
      before = next
    }
    expect(sizes).toEqual([[2_000_000], [600_000, 300_000], [600_000]])
  })
})

describe('a page of the history reads little more than it has', () => {
  /** A backplane that knows how many events were read from it. */
  class CountingBackplane extends MemoryBackplane {
    events = 0

    override read(channel: string, after: number, limit: number): ReadResult {
      const result = super.read(channel, after, limit)
      this.events += result.messages.length
      return result
    }
  }

  async function startCounting(options: Options) {
    const backplane = new CountingBackplane({ retention: { maxBytes: Infinity, maxEvents: Infinity } })
    return { backplane, ...(await start(options, { backplane })) }
  }

  it('of one channel', async () => {
    const { manager, backplane, page } = await startCounting({ maxEvents: 1_000 })
    const text = 'x'.repeat(300_000)
    for (let count = 0; count < 200; count++) await manager.publish('log', { text })
    expect((await page()).events).toHaveLength(3)
    expect(backplane.events).toBeLessThan(50)
  })

  it('of many channels', async () => {
    const channels = Array.from({ length: 100 }, (_, index) => `${index}`)
    const { manager, backplane, page } = await startCounting({ maxEvents: 1_000, channels })
    const text = 'x'.repeat(300_000)
    for (let count = 0; count < 500; count++) {
      await manager.publish('log', { text }, { channel: channels[count % 100]! })
    }
    expect((await page()).events).toHaveLength(3)
    expect(backplane.events).toBeLessThan(150)
  })

  it('and has none twice and misses none, however the channels and sizes differ', async () => {
    const random = randomFrom(1)
    const channels = Array.from({ length: 40 }, (_, index) => `${index}`)
    const { manager, page } = await startCounting({ maxEvents: 1_000, channels })
    const published: string[] = []
    for (let count = 0; count < 1_500; count++) {
      const channel = channels[Math.floor(random() ** 3 * 40)]!
      const text = 'x'.repeat(Math.floor(random() ** 8 * 200_000))
      published.push((await manager.publish('log', { text }, { channel })).id!)
    }
    const found: string[] = []
    for (let before: string | undefined = ''; before !== undefined; ) {
      const limit = 1 + Math.floor(random() * 200)
      const { events, before: next }: Page = await page(`?limit=${limit}${before && `&before=${before}`}`)
      found.unshift(...events.map(({ id }) => id))
      before = next
    }
    expect(found).toEqual(published)
  })
})

describe('history that is no longer kept', () => {
  async function trimming(retention: MemoryBackplaneOptions['retention']) {
    return start({}, { retention })
  }

  it('is told if events were dropped', async () => {
    const { page, publish, manager } = await trimming({ maxEvents: 3 })
    await publish('default', 1, 3)
    expect(await page()).not.toHaveProperty('trimmed')
    const ids = await publish('default', 4, 5)
    expect(await page()).toMatchObject({ events: [{}, {}, {}], hasOlder: false, trimmed: true })
    expect(await page('?limit=2')).not.toHaveProperty('trimmed')
    await publish('default', 6, 20)
    expect(await page(`?before=${ids[0]}`)).toEqual({ events: [], hasOlder: false, trimmed: true })
    await manager.forget('default')
    expect(await page()).toEqual({ events: [], hasOlder: false, trimmed: true })
  })

  it('is not told where nothing was ever published', async () => {
    const { page } = await trimming({ maxEvents: 3 })
    expect(await page()).toEqual({ events: [], hasOlder: false })
  })
})

describe('who gets history', () => {
  it.each([
    [() => ({ status: 401, message: 'Sign in.' }), 401],
    [() => false, 403],
    [() => ({ context: undefined }), 401],
    [() => ({ context: 1, expiresAt: 1 }), 401],
  ])('%s: as for the stream', async (authorize, status) => {
    const channels = vi.fn(() => ['default'])
    const { load } = await start({ authorize: authorize as never, channels })
    expect((await load()).status).toBe(status)
    expect(channels).not.toHaveBeenCalled()
  })

  it('needs no place among the streams of its key', async () => {
    const { load, manager } = await start(
      { authorize: () => ({ context: 1, key: 'k' }) },
      { limits: { maxConnectionsPerKey: 1 } },
    )
    expect((await Promise.all([load(), load(), load()])).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(manager.stats().pendingAdmissions).toBe(0)
  })

  it('is limited in number, and freed by the time limit of functions and of the backplane', async () => {
    const { load, manager, onError } = await start(
      { authorize: () => new Promise(() => {}) },
      { limits: { maxConnections: 2 }, callbackTimeoutMs: 300 },
    )
    const waiting = [load(), load()]
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(2))
    const { status, headers } = await load()
    expect([status, Number(headers.get('retry-after')) > 0]).toEqual([503, true])
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([500, 500])
    expect(onError.mock.calls.map(([error]) => error.code)).toEqual(Array(2).fill('RIVULET_CALLBACK_TIMEOUT'))
    expect(manager.stats().pendingAdmissions).toBe(0)
  })

  it('is answered 503 while the backplane fails, or does not answer', async () => {
    const memory = new MemoryBackplane()
    const failing: Backplane = Object.assign(Object.create(memory), {
      subscribe: () => {},
      close: () => {},
      seek: (channel: string) => (channel === 'a' ? Promise.reject(new Error('down')) : new Promise(() => {})),
    })
    const { load } = await start({ channels: requested }, { backplane: failing, callbackTimeoutMs: 50 })
    expect((await load('?channel=a')).status).toBe(503)
    expect((await load('?channel=b')).status).toBe(503)
  })

  it('is refused at once when the manager closes', async () => {
    const { load, manager } = await start({ authorize: () => new Promise(() => {}) })
    const waiting = load()
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(1))
    await manager.close()
    expect((await waiting).status).toBe(503)
    expect((await load()).status).toBe(503)
  })

  it.each(['authorize', 'channels', 'filter'] as const)('lets nothing pass that %s does not allow', async (name) => {
    const values = foreignValues(name)
    const call = (url: string) => {
      const query = new URL(url, 'http://localhost').searchParams
      const value = values[Number(query.get('value'))]!()
      return behave(query.get('manner') as Manner, value, (action) => void setTimeout(action, 1)) as never
    }
    const foreign: Record<typeof name, Options> = {
      authorize: { authorize: (request) => call((request as IncomingMessage).url!) },
      channels: { channels: (request) => call((request as IncomingMessage).url!) },
      filter: {
        authorize: (request) => ({ context: (request as IncomingMessage).url! }),
        filter: (_event, url) => call(url as string),
      },
    }
    const { load, publish, manager } = await start(foreign[name], { callbackTimeoutMs: 100 })
    await publish('default', 1, 1)
    const check = async (value: number, manner: Manner) => {
      const about = `value=${value}&manner=${manner}`
      const { status, text } = await load(`?${about}`)
      const shown = status === 200 && JSON.parse(text).events.length > 0
      const allowed =
        name === 'filter'
          ? manner === 'returns' && values[value]!() === true
          : givesValue(manner) && allows[name](values[value]!())
      if (shown) expect(allowed, about).toBe(true)
      else if (name !== 'filter') expect(status === 204 || status >= 300 || allowed, about).toBe(true)
    }
    const manner = [...new Set(manners)]
    // Each value and each manner, though not in every combination.
    const checks = Array.from(
      { length: values.length * 2 },
      (_, index) => [index % values.length, manner[index % 12]!] as const,
    )
    while (checks.length > 0) await Promise.all(checks.splice(0, 100).map(([value, manner]) => check(value, manner)))
    expect(manager.stats().pendingAdmissions).toBe(0)
  })
})

describe('the history route for web-standard requests', () => {
  it('answers alike', async () => {
    const { manager, publish } = await start()
    await publish('a', 1, 2)
    const load = (query: string) =>
      eventHistoryResponse(manager, new Request(`http://localhost/events/history${query}`), { channels: ['a'] })
    const response = await load('?limit=1')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toMatchObject({ events: [{ data: { text: '2', channel: 'a' } }], hasOlder: true })
    expect((await load('?channel=b')).status).toBe(403)
  })
})
