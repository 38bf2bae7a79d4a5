import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createFake, events } from '../../../../test-support/fake-log.js'
import type { EventStreamServiceOptions } from '../stream-options.js'
import { ProviderStream } from './provider-stream.js'

function setup(more: Partial<EventStreamServiceOptions> = {}) {
  const fake = createFake()
  const options = (changes: Partial<EventStreamServiceOptions> = {}): EventStreamServiceOptions => ({
    url: 'http://fake.test/',
    events,
    fetch: (input, init) => fake.fetch(input, init),
    clock: fake.clock,
    ...more,
    ...changes,
  })
  const stream = new ProviderStream(undefined, options(), 0)
  const { service } = stream.binding
  async function connect(): Promise<void> {
    stream.binding.open()
    await expect.poll(() => service.status).toBe('open')
  }
  return { fake, options, stream, service, connect }
}

describe('matches', () => {
  it('a given stream by identity, regardless of options', () => {
    const [a, b] = [createFake().service, createFake().service]
    const stream = new ProviderStream(a, { url: '/a' }, 0)
    expect(stream.binding.service).toBe(a)
    expect(stream.matches(a, { url: '/b' })).toBe(true)
    expect(stream.matches(b, { url: '/a' })).toBe(false)
    expect(stream.matches(undefined, { url: '/a' })).toBe(false)
  })

  it.each([
    ['functions of another identity', true, { onUnauthorized: () => false }, { onUnauthorized: () => false }],
    ['other values of headers', true, { headers: { a: '1' } }, { headers: { a: '2' } }],
    ['headers and none', false, { headers: { a: '1' } }, { headers: undefined }],
    ['equal objects', true, { retry: { maxMs: 1_000 } }, { retry: { maxMs: 1_000 } }],
    ['unequal objects', false, { retry: { maxMs: 1_000 } }, { retry: { maxMs: 2_000 } }],
    ['another URL', false, {}, { url: 'http://fake.test/other' }],
    ['a contract made anew', true, {}, { events: defineEvents({ log: z.object({}), progress: z.object({}) }) }],
    ['other channels', true, { channels: ['a'] }, { channels: ['b'] }],
    ['channels and none', false, { channels: ['a'] }, { channels: undefined }],
    ['other channels, shared', false, { shared: { key: 'x' }, channels: ['a'] }, { channels: ['b'] }],
    ['a contract with other names', false, {}, { events: defineEvents({ log: z.object({}) }) }],
  ] as [string, boolean, Partial<EventStreamServiceOptions>, Partial<EventStreamServiceOptions>][])(
    '%s: %s',
    (_, same, before, after) => {
      const { stream, options } = setup(before)
      expect(stream.matches(undefined, options(after))).toBe(same)
    },
  )

  it('no options that were mutated', () => {
    const url = new URL('http://fake.test/')
    const { stream, options } = setup({ url })
    url.searchParams.set('room', '1')
    expect(stream.matches(undefined, options())).toBe(false)
  })
})

describe('follow', () => {
  it('reconnects only when headers change', async () => {
    const { fake, options, stream, service, connect } = setup({ headers: { a: '1' } })
    await connect()
    stream.use(options({ headers: { a: '1' } }))
    stream.follow()
    expect(service.status).toBe('open')
    stream.use(options({ headers: { a: '2' } }))
    stream.follow()
    await expect.poll(() => fake.requests.length).toBe(2)
    expect(fake.requests.map(({ headers }) => headers.get('a'))).toEqual(['1', '2'])
  })

  it('keeps a stream closed that was closed on purpose', async () => {
    const { options, stream, service, connect } = setup({ headers: { a: '1' } })
    await connect()
    service.close()
    stream.use(options({ headers: { a: '2' } }))
    stream.follow()
    expect(service.status).toBe('closed')
  })
})

it('follow changes the channels if others are wanted', async () => {
  const { fake, options, stream, service, connect } = setup({ channels: ['a', 'b'] })
  await connect()
  const received: string[] = []
  service.on(events.log, ({ message }) => void received.push(message))
  await fake.push('log', { message: 'early' }, { channel: 'c' })
  for (const channels of [
    ['b', 'a'],
    ['b', 'c'],
    ['c', 'b'],
  ]) {
    stream.use(options({ channels }))
    stream.follow()
  }
  await expect.poll(() => received).toEqual(['early'])
  expect(fake.requests.map(({ method }) => method)).toEqual(['GET', 'POST'])
  expect(fake.connections).toBe(1)
})

it('uses the latest functions and schemas', async () => {
  const { fake, options, stream, service, connect } = setup({ headers: () => ({ a: '1' }) })
  const strict = defineEvents({ log: z.object({ message: z.string().max(1) }), progress: z.object({}) })
  const received: string[] = []
  service.on(events.log, ({ message }) => void received.push(message))
  service.onError(() => {})
  stream.use(options({ headers: () => ({ a: '2' }), events: strict }))
  await connect()
  expect(fake.requests[0]!.headers.get('a')).toBe('2')
  await fake.push('log', { message: 'long' })
  await fake.push('log', { message: 's' })
  expect(received).toEqual(['s'])
})
