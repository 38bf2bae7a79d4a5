import { once } from 'node:events'
import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { openSession } from '../../test/http2-session.js'
import { sendRaw } from '../../test/raw-client.js'
import { listen } from '../../test/stream-client.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleChannelMembers, handleEventHistory, handleStreamControl, type NodeResponse } from '../node.js'
import type { CallbackOptions } from '../runtime/guard.js'
import { channelMembersResponse, eventHistoryResponse, streamControlResponse } from '../web.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ text: z.string() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>

const routes = {
  history: { method: 'GET', handle: handleEventHistory, respond: eventHistoryResponse },
  members: { method: 'GET', handle: handleChannelMembers, respond: channelMembersResponse },
  control: { method: 'POST', handle: handleStreamControl, respond: streamControlResponse },
} as const
type Route = (typeof routes)[keyof typeof routes]

function createManager(options: Partial<EventManagerOptions<typeof events>> = {}) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError, ...options })
  onTestFinished(() => manager.close())
  return { manager, onError }
}

type Manager = EventManager<typeof events>

/** Sends a request. Returns a function by which its client leaves. */
const senders = {
  async http({ method, handle }: Route, manager: Manager, options: Options) {
    const url = await listen(createServer((request, response) => void handle(manager, request, response, options)))
    const { socket } = await sendRaw(Number(new URL(url).port), `${method} / HTTP/1.1\r\nHost: x\r\n\r\n`)
    return () => socket.destroy()
  },
  async http2({ method, handle }: Route, manager: Manager, options: Options) {
    const session = await openSession((request, response) => void handle(manager, request, response, options))
    const stream = session.request({ ':method': method, ':path': '/' })
    stream.on('error', () => {})
    return () => stream.close(8)
  },
  async web({ method, respond }: Route, manager: Manager, options: Options) {
    const leaving = new AbortController()
    void respond(manager, new Request('http://x/', { method, signal: leaving.signal }), options)
    return () => leaving.abort()
  },
}

describe.each(Object.entries(routes))('a request for %s whose client leaves', (_name, route) => {
  it.each(Object.entries(senders))('is given up, with its place: %s', async (_sender, send) => {
    const { manager, onError } = createManager({ limits: { maxConnections: 1 } })
    const asked: CallbackOptions[] = []
    const authorize = (_request: unknown, call: CallbackOptions) => {
      asked.push(call)
      return new Promise<true>(() => {})
    }
    const leave = await send(route, manager, { authorize })
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    const { signal } = asked[0]!
    leave()
    await vi.waitFor(() => expect(signal.aborted).toBe(true))
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(0))
    await send(route, manager, { authorize })
    await vi.waitFor(() => expect(asked).toHaveLength(2))
    expect(onError).not.toHaveBeenCalled()
  })
})

describe('a request for history', () => {
  it.each(Object.entries(senders))('reads no more once its client has left: %s', async (_sender, send) => {
    const backplane = new MemoryBackplane()
    let found = (_start: number) => {}
    const seek = vi.fn(() => new Promise<number>((resolve) => (found = resolve)))
    const read = vi.spyOn(backplane, 'read')
    Object.assign(backplane, { seek })
    const channels = Array.from({ length: 100 }, (_, index) => `${index}`)
    const { manager } = createManager({ backplane })
    const leave = await send(routes.history, manager, { channels })
    await vi.waitFor(() => expect(seek).toHaveBeenCalled())
    const seeks = seek.mock.calls.length
    read.mockClear()
    leave()
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(0))
    found(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(read.mock.calls.length).toBeLessThanOrEqual(1)
    expect(seek).toHaveBeenCalledTimes(seeks)
  })
})

describe('an answer that its client does not read', () => {
  /** More than the buffers of a connection take. */
  const size = 20_000_000

  async function startLarge(
    limits: EventManagerOptions<typeof events>['limits'],
    options: Options = {},
    text = 'x'.repeat(size),
  ) {
    const backplane = new MemoryBackplane({ retention: { maxBytes: Infinity } })
    const { manager } = createManager({ limits, backplane })
    await manager.publish('log', { text })
    return { manager, handle: handleIn(manager, options) }
  }

  function handleIn(manager: Manager, options: Options) {
    return (request: Parameters<typeof handleEventHistory>[1], response: NodeResponse) =>
      void handleEventHistory(manager, request, response as never, options as never)
  }

  it('keeps its place: HTTP/1.1', async () => {
    const { handle } = await startLarge({ maxConnections: 1 })
    const url = await listen(createServer(handle))
    const { socket, until } = await sendRaw(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('HTTP/1.1 200')
    socket.pause()
    const status = async () => {
      const response = await fetch(`${url}?limit=1`)
      await response.body!.cancel()
      return response.status
    }
    expect(await status()).toBe(503)
    socket.destroy()
    await vi.waitFor(async () => expect(await status()).toBe(200))
  })

  it('keeps its place: HTTP/2', async () => {
    // More than a stream's window, and less than Node.js lets a session take.
    const { handle } = await startLarge({ maxConnections: 1 }, {}, 'x'.repeat(200_000))
    const session = await openSession(handle)
    const request = async () => {
      const stream = session.request({ ':path': '/' })
      const [headers] = await once(stream, 'response')
      return { stream, status: headers[':status'] }
    }
    const { stream, status } = await request()
    expect(status).toBe(200)
    expect((await request()).status).toBe(503)
    let chars = 0
    stream.on('data', (chunk) => {
      chars += chunk.length
    })
    await once(stream, 'close')
    expect(chars).toBeGreaterThan(200_000)
    await vi.waitFor(async () => expect((await request()).status).toBe(200))
  })

  it('counts for its key: others get theirs', async () => {
    const options: Options = { authorize: (request) => ({ context: 1, key: (request as { url: string }).url }) }
    const { handle } = await startLarge({ maxConnectionsPerKey: 1 }, options)
    const url = await listen(createServer(handle))
    const request = async (path: string) => {
      const { socket, until } = await sendRaw(Number(new URL(url).port), `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
      const status = (await until('\r\n')).slice(9, 12)
      socket.pause()
      return { socket, status }
    }
    const taken = await Promise.all(Array.from({ length: 16 }, () => request('/ada')))
    expect(taken.map(({ status }) => status)).toEqual(Array(16).fill('200'))
    expect((await request('/ada')).status).toBe('429')
    expect((await request('/eve')).status).toBe('200')
    taken[0]!.socket.destroy()
    await vi.waitFor(async () => expect((await request('/ada')).status).toBe('200'))
  })
})
