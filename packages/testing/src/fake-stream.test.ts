import { EventStreamService } from '@rivulet/client'
import { defineEvents, EventValidationError, UnknownEventError } from '@rivulet/core'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { FakeStream, type FakeStreamOptions } from './index.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  late: z.object({ n: z.number() }).refine(() => Promise.resolve(true)),
})

const fakes: FakeStream<typeof events>[] = []

afterEach(() => {
  for (const fake of fakes.splice(0)) fake.service.close()
})

function create(options?: FakeStreamOptions<typeof events>) {
  const fake = new FakeStream(events, options)
  fakes.push(fake)
  fake.service.onError(() => {})
  const received: unknown[] = []
  fake.service.onAny((event) => received.push('message' in event ? event.message : event.n))
  fake.service.onGap(({ reason }) => received.push(reason))
  return { fake, service: fake.service, received }
}

describe('push', () => {
  test('settles after the handlers were called, even with asynchronous schemas', async () => {
    const { fake, received } = create()
    await fake.connect()
    await fake.push(events.log, { message: 'a' })
    expect(received).toEqual(['a'])
    await fake.push('late', { n: 1 })
    expect(received).toEqual(['a', 1])
  })

  test('keeps the order of events pushed in one turn', async () => {
    const { fake, received } = create()
    await fake.connect()
    await Promise.all(['a', 'b', 'c'].map((message) => fake.push('log', { message })))
    expect(received).toEqual(['a', 'b', 'c'])
  })

  test('before the first connection arrives with that connection', async () => {
    const { fake, received } = create()
    await fake.push('log', { message: 'early' })
    await fake.connect()
    expect(received).toEqual(['early'])
  })

  test('gives events the clock’s time, a source and a position', async () => {
    const { fake, service } = create({ source: 'me' })
    const full: unknown[] = []
    service.on('log', (event) => full.push(event))
    await fake.connect()
    await fake.push('log', { message: 'a' })
    await fake.push('log', { message: 'b' }, { retain: false, source: 'other', timestamp: 5, channel: 'room' })
    expect(full).toEqual([
      { id: '1', type: 'log', timestamp: Date.UTC(2030, 0, 1), source: 'me', message: 'a' },
      { id: undefined, type: 'log', timestamp: 5, source: 'other', channel: 'room', message: 'b' },
    ])
  })

  test('refuses events that no server would send', async () => {
    const { fake } = create()
    await expect(fake.push('log', { message: 5 as never })).rejects.toBeInstanceOf(EventValidationError)
    await expect(fake.push('lgo' as 'log', { message: '' })).rejects.toBeInstanceOf(UnknownEventError)
    await expect(fake.push('log', { message: '', id: 'x' } as never)).rejects.toMatchObject({ key: 'id' })
  })
})

describe('a connection', () => {
  test('that drops is retried on request, and gets the missed events', async () => {
    const { fake, service, received } = create()
    await fake.connect()
    await fake.push('log', { message: 'a' })
    await fake.drop()
    expect(service.state).toMatchObject({ status: 'waiting', attempt: 1 })
    expect(fake.connections).toBe(0)
    await fake.push('log', { message: 'missed' })
    await fake.retry()
    expect(received).toEqual(['a', 'missed'])
    expect(service.state).toMatchObject({ status: 'open', recovered: true })
    expect(fake.requests.map(({ lastEventId }) => lastEventId)).toEqual(['', '1'])
  })

  test('that missed forgotten events is told of a gap', async () => {
    const { fake, service, received } = create()
    await fake.connect()
    await fake.push('log', { message: 'a' })
    await fake.drop()
    await fake.push('log', { message: 'lost' })
    fake.forget()
    await fake.push('log', { message: 'c' })
    await fake.retry()
    expect(received).toEqual(['a', 'trimmed', 'c'])
    expect(service.state.recovered).toBe(false)
  })

  test('is told of a restart if its cursor is from an earlier server', async () => {
    const { fake, received } = create({ client: { lastEventId: 'zzz' } })
    await fake.connect()
    await fake.push('log', { message: 'a' })
    expect(received).toEqual(['restarted', 'a'])
  })

  test('is told of gaps and of its end', async () => {
    const { fake, service, received } = create()
    await fake.connect()
    await fake.gap()
    await fake.end('drain')
    expect(received).toEqual(['lagged'])
    expect(service.state).toMatchObject({ status: 'waiting', error: { reason: 'drain' } })
    await fake.retry()
    await fake.end('over', { retry: false })
    expect(service.state).toMatchObject({ status: 'closed', error: { reason: 'over' } })
  })

  test('gets the answer that the test sets', async () => {
    const { fake, service } = create()
    fake.answer(503)
    await fake.connect()
    expect(service.state).toMatchObject({ status: 'waiting', error: { status: 503 } })
    fake.answer(() => new Response('<html>', { headers: { 'content-type': 'text/html' } }))
    await fake.retry()
    expect(service.state).toMatchObject({ status: 'closed', error: { code: 'RIVULET_CONTENT_TYPE' } })
    fake.answer()
    await fake.connect()
    expect(service.status).toBe('open')
    expect(fake.requests).toHaveLength(3)
  })

  test('is gone when the client closes it', async () => {
    const { fake, service } = create()
    await fake.connect()
    expect(fake.connections).toBe(1)
    service.close()
    await fake.push('log', { message: 'to no one' })
    expect(fake.connections).toBe(0)
  })

  test('times out by the announced heartbeat', async () => {
    const { fake, service } = create({ heartbeatMs: 10_000 })
    await fake.connect()
    fake.clock.advance(25_000)
    expect(service.state).toMatchObject({ status: 'waiting', error: { code: 'RIVULET_HEARTBEAT_TIMEOUT' } })
  })
})

test('a custom service works with the fake’s fetch and clock', async () => {
  const { fake } = create()
  const service = new EventStreamService({ url: 'https://example.com/x', events, fetch: fake.fetch, clock: fake.clock })
  const received: unknown[] = []
  service.on(events.log, ({ message }) => received.push(message))
  await fake.push('log', { message: 'a' })
  service.connect()
  await new Promise<void>((resolve) => service.once('log', () => resolve()))
  expect(received).toEqual(['a'])
  expect(fake.requests[0]).toMatchObject({ url: 'https://example.com/x', method: 'GET' })
  service.close()
})

test('plays a run: all of it for each client, one end, 204 on return', async () => {
  const fake = new FakeStream(events, { run: true })
  const read = async (headers = {}, method = 'GET') => {
    const response = await fake.fetch('http://fake.test/run', { headers, method })
    return [response.status, response.status === 200 && method !== 'DELETE' ? await response.text() : '']
  }
  await fake.push('log', { message: 'a' })
  const first = read()
  await fake.push('log', { message: 'b' })
  await fake.finish('done')
  await fake.finish('failed', 'late')
  const [status, text] = await first
  expect(status).toBe(200)
  expect(String(text).match(/^event: .+$/gm)).toEqual([
    'event: rivulet:open',
    'event: log',
    'event: rivulet:live',
    'event: log',
    'event: rivulet:end',
  ])
  expect(String((await read({}, 'POST'))[1]).match(/^event: .+$/gm)).toEqual([
    'event: rivulet:open',
    'event: log',
    'event: log',
    'event: rivulet:end',
  ])
  expect(await read({ 'last-event-id': '3' })).toEqual([204, ''])
  expect((await read({ 'last-event-id': '2' }))[1]).toContain('"state":"done"')
  expect(await read({}, 'DELETE')).toEqual([200, ''])
})

describe('channels', () => {
  test('gives a stream the channels that its client asks for, and begins added ones with what is kept', async () => {
    const { fake, service } = create({ client: { channels: ['a'] } })
    const received: string[] = []
    service.on(events.log, ({ message, replayed }) => received.push(replayed ? `(${message})` : message))
    await fake.connect()
    const push = (message: string, channel?: string) => fake.push('log', { message }, { channel })
    await push('1', 'a')
    await push('2', 'b')
    await push('3')
    await push('4', 'b')
    await service.setChannels(['a', 'b'])
    expect(received).toEqual(['1', '(2)', '(4)'])
    await push('5', 'b')
    await service.setChannels(['b'])
    await push('6', 'a')
    await push('7', 'b')
    expect(received.slice(3)).toEqual(['5', '7'])
    expect(fake.requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'POST'])
    await fake.drop()
    await push('8', 'a')
    await push('9', 'b')
    await fake.retry()
    expect(received.slice(5)).toEqual(['(9)'])
  })

  test('can refuse a change', async () => {
    const { fake, service } = create({ client: { channels: ['a'] } })
    await fake.connect()
    fake.answer(403)
    await expect(service.setChannels(['b'])).rejects.toMatchObject({ code: 'RIVULET_CHANNELS_REFUSED', status: 403 })
    fake.answer()
    await service.setChannels(['a', 'b'])
    expect(JSON.parse(fake.requests.at(-1)!.body!)).toMatchObject({ channels: ['a', 'b'] })
  })
})

describe('the history', () => {
  const load = async (fake: FakeStream<typeof events>, query: string) =>
    (await fake.fetch(`http://fake.test/events/history${query}`)).json()

  test('has what was pushed, in pages, without what is forgotten', async () => {
    const { fake } = create()
    for (const message of ['1', '2', '3']) await fake.push(events.log, { message }, { channel: 'a', timestamp: 5 })
    await fake.push(events.log, { message: '4' }, { channel: 'b' })
    const data = { message: '3', timestamp: 5, source: 'test', channel: 'a' }
    const page = await load(fake, '?channel=a&limit=1')
    expect(page).toEqual({ events: [{ id: '3', event: 'log', data }], hasOlder: true, before: '3' })
    expect((await load(fake, '?channel=a&before=3')).events).toMatchObject([{ id: '1' }, { id: '2' }])
    fake.forget()
    expect(await load(fake, '')).toEqual({ events: [], hasOlder: false, trimmed: true })
  })
})

test('the members of a channel are those that the test sets', async () => {
  const { fake } = create()
  const load = async (query = '') => (await fake.fetch(`http://fake.test/events/members${query}`)).json()
  const member = { connectionId: 'c', connectedAt: 1, info: { name: 'ada' } }
  fake.setMembers([member], 'a')
  expect(await load('?channel=a')).toEqual({ members: [member] })
  expect(await load()).toEqual({ members: [] })
})
