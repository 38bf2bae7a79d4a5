import type { ServerResponse } from 'node:http'
import { defineEvents, encodeControlEvent } from '@rivulet/core'
import { expect, it, vi } from 'vitest'
import { z } from 'zod'
import { useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { ConfigurationError } from '../index.js'
import { ChannelMembers } from './channel-members.js'
import { flushFrame } from './next-frame.js'
import { StreamBinding } from './stream-binding.js'

const h = useHarness()
const member = z.object({ connectionId: z.string(), connectedAt: z.number(), info: z.string() })
const events = defineEvents({ presence: z.object({ change: z.enum(['join', 'leave']), member }) })
const one = (name: string, connectedAt = 1) => ({ connectionId: name, connectedAt, info: name })
const json = (value: unknown) => (response: ServerResponse) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

/** The members of a channel, whose route answers in turn as given, and then always like the last time. */
async function start(answers: ((response: ServerResponse) => void)[], channel?: string) {
  const urls: string[] = []
  h.server.answer = ({ url = '' }, response) => {
    if (!url.includes('members')) return h.server.accept(response)
    answers[Math.min(urls.push(url), answers.length) - 1]!(response)
  }
  const service = h.createStream({ events })
  const errors = vi.fn()
  service.onError(errors)
  const binding = new StreamBinding(service, 0)
  binding.open()
  const list = new ChannelMembers(binding, events.presence, { channel })
  const close = list.open()
  await h.server.open()
  const write = (text: string) => h.server.stream.write(text)
  write(openFrame())
  const names = () => {
    flushFrame()
    return list.view.members.map(({ info }) => info)
  }
  const shows = (...expected: string[]) => vi.waitFor(() => expect(names()).toEqual(expected))
  return { list, urls, close, write, names, shows, errors, service }
}

/** Lets the time of an attempt pass, and waits until the server would have its request. */
async function afterRetry(): Promise<void> {
  h.clock.advance(6_000)
  for (let round = 0; round < 5; round++) await fetch(`${h.server.url}?probe`)
}

it('loads the members, validates them, and follows the changes of its channel', async () => {
  const members = [one('b', 2), { connectionId: 7 }, one('a', 1)]
  const { list, urls, write, shows, errors } = await start([json({ members })], 'room')
  await shows('a', 'b')
  expect(urls).toEqual(['/events/members?channel=room'])
  expect(errors.mock.calls[0]![0]).toMatchObject({ code: 'RIVULET_EVENT_INVALID' })
  write(frame('presence', { change: 'join', member: one('c', 3), channel: 'room' }))
  write(frame('presence', { change: 'join', member: one('x', 3), channel: 'hall' }))
  write(frame('presence', { change: 'leave', member: one('a'), channel: 'room' }))
  await shows('b', 'c')
  expect(list.view).toMatchObject({ loading: false, error: undefined })
})

it('loads them again after a gap in its channel or in all', async () => {
  const { urls, write, shows } = await start([
    json({ members: [one('a')] }),
    json({ members: [one('b')] }),
    json({ members: [] }),
  ])
  await shows('a')
  write(encodeControlEvent({ type: 'rivulet:gap', reason: 'lagged', channel: 'hall' }))
  write(encodeControlEvent({ type: 'rivulet:gap', reason: 'lagged', channel: 'default' }))
  await shows('b')
  write(encodeControlEvent({ type: 'rivulet:gap', reason: 'backplane' }))
  await shows()
  expect(urls).toHaveLength(3)
})

it('tries again after a while if the failure may pass, and keeps those it has', async () => {
  const busy = (response: ServerResponse) => void response.writeHead(503, { 'retry-after': '7' }).end()
  const { list, urls, write, shows, names } = await start([
    json({ members: [one('a')] }),
    busy,
    json({ members: [one('b')] }),
  ])
  await shows('a')
  write(encodeControlEvent({ type: 'rivulet:gap', reason: 'backplane' }))
  await vi.waitFor(() => {
    expect(names()).toEqual(['a'])
    expect(list.view).toMatchObject({ loading: true, error: { status: 503 } })
  })
  h.clock.advance(6_999)
  expect(urls).toHaveLength(2)
  h.clock.advance(3_501)
  await shows('b')
  expect(list.view).toMatchObject({ loading: false, error: undefined })
})

const failed = async ({ list }: { list: ChannelMembers }, status: number) =>
  vi.waitFor(() => {
    flushFrame()
    expect(list.view.error).toMatchObject({ status })
  })

it('waits longer after each failure, at a moment of its own', async () => {
  const statuses = [500, 502, 503, 504]
  const answers = statuses.map((status) => (response: ServerResponse) => void response.writeHead(status).end())
  const members = await start([...answers, json({ members: [one('a')] })])
  for (const [index, least] of [1_000, 2_000, 4_000, 8_000].entries()) {
    await failed(members, statuses[index]!)
    h.clock.advance(least - 1)
    expect(members.urls).toHaveLength(index + 1)
    h.clock.advance(least + 1)
  }
  await members.shows('a')
})

it('waits for hours at most, whatever the server asks', async () => {
  const away = (response: ServerResponse) => void response.writeHead(503, { 'retry-after': '99999999999' }).end()
  const setTimeout = vi.spyOn(h.clock, 'setTimeout')
  await failed(await start([away]), 503)
  const longest = Math.max(...setTimeout.mock.calls.map(([, ms]) => ms))
  expect(longest).toBeGreaterThanOrEqual(3_600_000)
  expect(longest).toBeLessThan(2 * 3_600_000)
})

it('does not try again while the stream is closed', async () => {
  const members = await start([(response) => void response.writeHead(503).end()])
  await failed(members, 503)
  members.service.close()
  await afterRetry()
  expect(members.urls).toHaveLength(1)
})

it.each([
  ['a refusal', (response: ServerResponse) => void response.writeHead(403).end()],
  ['what no members route answers', json({ people: [] })],
])('gives up at %s', async (_, answer) => {
  const { list, urls } = await start([answer])
  await vi.waitFor(() => {
    flushFrame()
    expect(list.view.error).toBeDefined()
  })
  await afterRetry()
  expect(urls).toHaveLength(1)
})

it('asks for nothing once it is closed, and goes on when it is opened again', async () => {
  const busy = (response: ServerResponse) => void response.writeHead(503).end()
  const { list, urls, close, shows } = await start([busy, json({ members: [one('a')] })])
  await vi.waitFor(() => {
    flushFrame()
    expect(list.view.error).toBeDefined()
  })
  close()
  await afterRetry()
  expect(urls).toHaveLength(1)
  list.open()
  await shows('a')
})

it('refuses an address that is none', () => {
  const binding = new StreamBinding(h.createStream(), 0)
  expect(() => new ChannelMembers(binding, events.presence, { url: 1 as never })).toThrow(ConfigurationError)
})
