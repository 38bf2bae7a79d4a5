import { createServer, type IncomingMessage, request } from 'node:http'
import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { controlEventsOf, dataOf, listen, openStream } from '../test/stream-client.js'
import { EventManager, type EventManagerOptions } from './event-manager.js'
import { handleEventStream } from './node.js'
import type { EventStreamOptions } from './streams/stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  progress: z.object({ done: z.number() }),
})
type Events = typeof events

async function start(
  options: Partial<EventManagerOptions<Events>> = {},
  streamOptions: EventStreamOptions<IncomingMessage, unknown, Events> = {},
) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError, ...options })
  const server = createServer((req, res) => {
    void handleEventStream(manager, req, res, streamOptions)
  })
  const url = await listen(server)
  onTestFinished(() => manager.close())
  return { manager, url, server, onError }
}

const messagesOf = (messages: Parameters<typeof dataOf>[0]) => dataOf(messages, 'log').map(({ message }) => message)

describe('a stream', () => {
  it('begins with the headers, the retry time and rivulet:open', async () => {
    const { manager, url } = await start()
    const client = await openStream(url)
    const [open] = await client.received(1)
    expect(client.response.statusCode).toBe(200)
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(client.retries).toEqual([2000])
    expect(controlEventsOf([open!])).toEqual([
      {
        type: 'rivulet:open',
        connectionId: [...manager.connections.keys()][0],
        heartbeatMs: 30_000,
        recovered: null,
        replayed: 0,
      },
    ])
  })

  it('carries each event as one flat JSON object under its name and id', async () => {
    const { manager, url } = await start({ source: 'scraper' })
    const client = await openStream(url)
    await client.received(1)
    const published = await manager.publish(events.log, { message: 'zwölf\r\nBoxkämpfer' }, { timestamp: 12 })
    const [, log] = await client.received(2)
    expect(log).toEqual({
      event: 'log',
      data: '{"message":"zwölf\\r\\nBoxkämpfer","timestamp":12,"source":"scraper"}',
      lastEventId: published.id,
    })
  })

  it('gives every client only the events of its channels, in order', async () => {
    const { manager, url } = await start({}, { channels: (request) => [request.url!.slice(1)] })
    const [one, other] = await Promise.all([openStream(`${url}/one`), openStream(`${url}/other`)])
    await Promise.all([one.received(1), other.received(1)])
    for (let number = 0; number < 5; number++) {
      manager.emit('log', { message: `one ${number}` }, { channel: 'one' })
      manager.channel('other').emit('log', { message: `other ${number}` })
    }
    expect(messagesOf(await one.received(6))).toEqual([0, 1, 2, 3, 4].map((number) => `one ${number}`))
    expect(messagesOf(await other.received(6))).toEqual([0, 1, 2, 3, 4].map((number) => `other ${number}`))
  })
})

describe('resuming', () => {
  it('is possible before the first event: rivulet:open has the starting position', async () => {
    const { manager, url } = await start()
    const first = await openStream(url)
    const [{ lastEventId }] = (await first.received(1)) as [SseMessage]
    first.request.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    await manager.publish('log', { message: 'while away' })
    const second = await openStream(url, { headers: { 'Last-Event-ID': lastEventId } })
    expect(messagesOf(await second.received(2))).toEqual(['while away'])
    expect(controlEventsOf(second.messages)).toMatchObject([{ recovered: true, replayed: 1 }])
    // A client that has a cursor keeps it.
    expect(second.messages[0]!.lastEventId).toBe('')
  })

  it('continues after the last event ID, without loss or repetition', async () => {
    const { manager, url } = await start()
    const ids: string[] = []
    for (let number = 0; number < 600; number++) {
      ids.push((await manager.publish('log', { message: String(number) })).id!)
    }
    const client = await openStream(url, { headers: { 'Last-Event-ID': ids[99]! } })
    await client.received(1)
    manager.emit('log', { message: '600' })
    await client.received(502)
    expect(messagesOf(client.messages)).toEqual(Array.from({ length: 501 }, (_, index) => String(index + 100)))
    expect(controlEventsOf(client.messages)).toMatchObject([{ type: 'rivulet:open', recovered: true, replayed: 500 }])
  })

  it('also takes the cursor from the query, but prefers the header', async () => {
    const { manager, url } = await start()
    const first = await manager.publish('log', { message: 'first' })
    const second = await manager.publish('log', { message: 'second' })
    await manager.publish('log', { message: 'third' })
    const byQuery = await openStream(`${url}/?lastEventId=${first.id}`)
    expect(messagesOf(await byQuery.received(3))).toEqual(['second', 'third'])
    const byHeader = await openStream(`${url}/?lastEventId=${first.id}`, { headers: { 'Last-Event-ID': second.id! } })
    expect(messagesOf(await byHeader.received(2))).toEqual(['third'])
  })

  it('announces a gap at its place when events are no longer stored', async () => {
    const { manager, url } = await start({ retention: { maxEvents: 2 } })
    const first = await manager.publish('log', { message: '1' })
    for (const message of ['2', '3', '4']) await manager.publish('log', { message })
    const client = await openStream(url, { headers: { 'Last-Event-ID': first.id! } })
    const messages = await client.received(4)
    expect(messages.map(({ event }) => event)).toEqual(['rivulet:open', 'rivulet:gap', 'log', 'log'])
    expect(controlEventsOf(messages)).toMatchObject([
      { recovered: false },
      { type: 'rivulet:gap', channel: 'default', reason: 'trimmed' },
    ])
    expect(messagesOf(messages)).toEqual(['3', '4'])
  })

  it.each([
    ['of an earlier process', '1'],
    ['from the future', 'zzzzzzzzzz'],
    ['of another server', '6f1d4b8e-6a0c-4a35-93a0-000000000000'],
    ['that is huge', 'z'.repeat(8_000)],
  ])('announces a gap for a cursor %s, and goes live', async (_, cursor) => {
    const { manager, url } = await start()
    const client = await openStream(url, { headers: { 'Last-Event-ID': cursor } })
    expect(controlEventsOf(await client.received(2))).toMatchObject([
      { type: 'rivulet:open', recovered: false },
      { type: 'rivulet:gap', reason: 'restarted' },
    ])
    await manager.publish('log', { message: 'live' })
    expect(messagesOf(await client.received(3))).toEqual(['live'])
  })

  it.each([
    ['none', []],
    ['latest', ['3']],
    [2, ['2', '3']],
    [9, ['1', '2', '3']],
  ] as const)('gives a client without a cursor what replay: %j says', async (replay, expected) => {
    const { manager, url } = await start({}, { replay })
    for (const message of ['1', '2', '3']) await manager.publish('log', { message })
    const client = await openStream(url)
    await client.received(1)
    await manager.publish('log', { message: 'live' })
    expect(messagesOf(await client.received(2 + expected.length))).toEqual([...expected, 'live'])
    expect(controlEventsOf(client.messages)).toMatchObject([{ recovered: null, replayed: expected.length }])
  })

  it('stores neither position nor id for live-only events', async () => {
    const { manager, url } = await start()
    const kept = await manager.publish('log', { message: 'kept' })
    const client = await openStream(url, { headers: { 'Last-Event-ID': kept.id! } })
    await client.received(1)
    expect(await manager.publish('log', { message: 'live only' }, { retain: false })).toMatchObject({ id: undefined })
    const [, message] = await client.received(2)
    expect(message).toMatchObject({ event: 'log', lastEventId: '' })
    const late = await openStream(url, { headers: { 'Last-Event-ID': kept.id! } })
    expect(controlEventsOf(await late.received(1))).toMatchObject([{ recovered: true, replayed: 0 }])
  })
})

describe('ending', () => {
  it('forgets a client that leaves', async () => {
    const { manager, url } = await start()
    const client = await openStream(url)
    await client.received(1)
    expect(manager.stats()).toMatchObject({ connections: 1, cohorts: 1 })
    client.request.destroy()
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, closed: 1 }))
  })

  it('disconnects matching clients, and tells them not to reconnect', async () => {
    const { manager, url } = await start()
    const [one, other] = [await openStream(url), await openStream(url)]
    const [open] = controlEventsOf(await one.received(1)) as [{ connectionId: string }]
    await other.received(1)
    expect(manager.disconnect(({ id }) => id === open.connectionId, 'revoked')).toBe(1)
    await one.ended
    expect(controlEventsOf(one.messages).at(-1)).toEqual({ type: 'rivulet:close', reason: 'revoked', retry: false })
    await manager.publish('log', { message: 'for the other' })
    expect(messagesOf(await other.received(2))).toEqual(['for the other'])
  })

  it('delivers earlier events to the clients that it disconnects', async () => {
    const { manager, url } = await start()
    const client = await openStream(url)
    await client.received(1)
    await manager.publish('log', { message: 'the last' })
    manager.disconnect(() => true, 'over')
    await client.ended
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log', 'rivulet:close'])
  })

  it('closes every stream and lets the server close', async () => {
    const { manager, url, server } = await start()
    const clients = [await openStream(url), await openStream(url)]
    const closed = new Promise((resolve) => server.close(resolve))
    await manager.close()
    await closed
    for (const client of clients) {
      await client.ended
      expect(controlEventsOf(client.messages).at(-1)).toEqual({
        type: 'rivulet:close',
        reason: 'shutdown',
        retry: true,
      })
    }
    await expect(manager.publish('log', { message: 'late' })).rejects.toMatchObject({ code: 'RIVULET_MANAGER_CLOSED' })
  })

  it('refuses new streams while it closes', async () => {
    const { manager, url } = await start()
    const client = await openStream(url)
    await client.received(1)
    const closing = manager.close({ graceMs: 60_000 })
    const refused = await openStream(url)
    expect(refused.response.statusCode).toBe(503)
    expect(Number(refused.response.headers['retry-after'])).toBeGreaterThan(0)
    client.request.destroy()
    await closing
  })
})

describe('publishing', () => {
  it('rejects a payload that does not fit its schema, and sends nothing', async () => {
    const { manager } = await start()
    await expect(manager.publish('log', { message: 1 as never })).rejects.toMatchObject({
      code: 'RIVULET_EVENT_INVALID',
      issues: [{ path: ['message'] }],
    })
    await expect(manager.publish('nothing' as never, {} as never)).rejects.toMatchObject({
      code: 'RIVULET_UNKNOWN_EVENT',
    })
    expect(manager.stats().published).toBe(0)
  })

  it('never throws out of emit', async () => {
    const { manager, onError } = await start()
    manager.emit('log', { message: 1 as never }, { channel: 'c' })
    await vi.waitFor(() => expect(onError).toHaveBeenCalledOnce())
    expect(onError.mock.lastCall![1]).toMatchObject({ stage: 'emit', channel: 'c', type: 'log' })
  })

  it('publishes once for one idempotency key', async () => {
    const { manager, url } = await start()
    const client = await openStream(url)
    await client.received(1)
    const first = await manager.publish('log', { message: 'once' }, { idempotencyKey: 'k' })
    const again = await manager.publish('log', { message: 'twice' }, { idempotencyKey: 'k' })
    expect(again).toEqual({ ...first, duplicate: true })
    await manager.publish('log', { message: 'end' })
    expect(messagesOf(await client.received(3))).toEqual(['once', 'end'])
  })
})

it('serves a POST whose body was read', async () => {
  const manager = new EventManager({ events })
  const server = createServer(async (req, res) => {
    for await (const _ of req);
    await handleEventStream(manager, req, res)
  })
  const url = await listen(server)
  const sent = request(url, { method: 'POST' })
  sent.end('body')
  const text = await new Promise<string>((resolve) =>
    sent.on('response', (res) => res.once('data', (c) => resolve(String(c)))),
  )
  expect(text).toContain('rivulet:open')
  expect(manager.connections.size).toBe(1)
  sent.destroy()
})
