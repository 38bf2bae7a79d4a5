import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { listen, openStream } from '../../test/stream-client.js'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { EventManager } from '../event-manager.js'
import { handleChannelMembers, handleEventStream } from '../node.js'
import { channelMembersResponse } from '../web.js'
import type { ChannelsOptions, EventStreamOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ text: z.string() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>

async function start(options: Options = {}, backplane?: Backplane) {
  const manager = new EventManager({ events, onError: () => {}, ...(backplane && { backplane }) })
  onTestFinished(() => manager.close())
  const route: Options = {
    channels: (_request: unknown, _context: unknown, { requested = ['default'] }: ChannelsOptions) =>
      requested.filter((name) => name !== 'secret'),
    presence: () => ({ name: 'ada' }),
    ...options,
  }
  const url = await listen(
    createServer((request, response) => {
      if (request.url!.startsWith('/members')) void handleChannelMembers(manager, request, response, route)
      else void handleEventStream(manager, request, response, route)
    }),
  )
  return { manager, url, route, load: (query = '') => fetch(`${url}/members${query}`) }
}

describe('the members route', () => {
  it('lists the members of one channel', async () => {
    const { manager, url, load } = await start()
    await openStream(`${url}?channel=a`)
    await openStream(`${url}?channel=b`)
    await vi.waitFor(async () => expect(await manager.presence('a')).toHaveLength(1))
    const response = await load('?channel=a')
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const connectionId = expect.any(String)
    expect(await response.json()).toEqual({
      members: [{ connectionId, connectedAt: expect.any(Number), info: { name: 'ada' } }],
    })
    expect(await (await load()).json()).toEqual({ members: [] })
  })

  it.each([
    ['?channel=a&channel=b', 400, 'Ask for one channel'],
    ['?channel=', 400, 'Ask for at most'],
    ['?channel=secret', 403, ''],
    ['?channel=a&channel=secret', 403, ''],
  ])('answers %s with %i', async (query, status, message) => {
    const { load } = await start()
    const response = await load(query)
    expect([response.status, (await response.text()).slice(0, message.length)]).toEqual([status, message])
  })

  it('is authorized like the stream', async () => {
    const { load } = await start({ authorize: () => ({ status: 401 }) })
    expect((await load('?channel=a')).status).toBe(401)
  })

  it('answers 503 while the registry fails', async () => {
    const backplane: Backplane = new MemoryBackplane()
    const failing = Object.assign(Object.create(backplane), {
      registry: { members: () => Promise.reject(new Error('down')), beat: () => ({ known: true, lapsed: [] }) },
    })
    const { load } = await start({}, failing)
    expect((await load('?channel=a')).status).toBe(503)
  })

  it('answers web-standard requests alike', async () => {
    const { manager, route } = await start()
    const load = (query: string) =>
      channelMembersResponse(manager, new Request(`http://localhost/events/members${query}`), route)
    const response = await load('?channel=a')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toEqual({ members: [] })
    expect((await load('?channel=secret')).status).toBe(403)
  })
})
