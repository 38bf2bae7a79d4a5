import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { FakeClock } from './index.js'
import { type MockEventStream, mockEventStream } from './msw.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const server = setupServer()
const url = 'https://api.test/events'
let service: EventStreamService<typeof events>

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => {
  service.close()
  server.resetHandlers()
})
afterAll(() => server.close())

function start(stream: MockEventStream<typeof events>, options = {}) {
  server.use(stream.handler)
  const clock = new FakeClock()
  service = new EventStreamService({ url, events, clock, ...options })
  service.onError(() => {})
  const received: string[] = []
  service.on(events.log, ({ message }) => received.push(message))
  service.connect()
  return { received, clock }
}

test('the whole client runs against the mocked stream', async () => {
  const stream = mockEventStream(url, events)
  const { received, clock } = start(stream, { headers: { authorization: 'Bearer x' }, body: '{}' })
  await vi.waitFor(() => expect(service.status).toBe('open'))
  await stream.push(events.log, { message: 'a' })
  await vi.waitFor(() => expect(received).toEqual(['a']))
  expect(stream.requests[0]).toMatchObject({ method: 'POST', url })
  expect(stream.requests[0]!.headers.get('authorization')).toBe('Bearer x')

  stream.drop()
  await vi.waitFor(() => expect(service.status).toBe('waiting'))
  await stream.push('log', { message: 'b' })
  clock.advance(1_000)
  await vi.waitFor(() => expect(received).toEqual(['a', 'b']))
  expect(stream.requests[1]!.lastEventId).toBe('1')
  expect(service.state.recovered).toBe(true)
})

test('a closing client is noticed', async () => {
  const stream = mockEventStream(url, events)
  start(stream)
  await vi.waitFor(() => expect(stream.connections).toBe(1))
  service.close()
  await vi.waitFor(() => expect(stream.connections).toBe(0))
})

test('a mocked stream can be refused', async () => {
  const stream = mockEventStream(url, events)
  stream.answer(404)
  start(stream)
  await vi.waitFor(() => expect(service.state).toMatchObject({ status: 'closed', error: { status: 404 } }))
})

test('the channels of a mocked stream can be changed', async () => {
  const stream = mockEventStream(url, events)
  server.use(stream.controlHandler)
  const { received } = start(stream, { channels: [] })
  await vi.waitFor(() => expect(service.status).toBe('open'))
  await stream.push(events.log, { message: 'a' }, { channel: 'job:1' })
  await service.setChannels(['job:1'])
  expect(received).toEqual(['a'])
})
