import { once } from 'node:events'
import { createServer, type RequestOptions } from 'node:http'
import { decodeStream, defineEvents, parseControlEvent, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { openSession } from '../../test/http2-session.js'
import { sendRaw } from '../../test/raw-client.js'
import { listen, openStream } from '../../test/stream-client.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleEventStream, handleStreamControl } from '../node.js'
import { eventStreamResponse, streamControlResponse } from '../web.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const route: EventStreamOptions<unknown, unknown, typeof events> = {
  channels: (_request, _context, { requested }) => requested ?? ['default'],
  changeable: true,
}

type ManagerOptions = Partial<EventManagerOptions<typeof events>>

function createManager(options: ManagerOptions = {}) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError, ...options })
  onTestFinished(() => manager.close())
  return { manager, onError }
}

async function start(
  options: EventStreamOptions<unknown, unknown, typeof events> = route,
  managerOptions: ManagerOptions = {},
) {
  const { manager, onError } = createManager(managerOptions)
  const url = await listen(
    createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost')
      response.setHeader('Access-Control-Allow-Origin', 'https://example.com')
      if (pathname === '/events') void handleEventStream(manager, request, response, options)
      else void handleStreamControl(manager, request, response, options)
    }),
  )
  return { manager, onError, url: `${url}/events` }
}

function secretsOf(message: SseMessage) {
  const open = parseControlEvent(message)
  if (open?.type !== 'rivulet:open') throw new Error('The first event is another.')
  return { connectionId: open.connectionId, control: open.control }
}

const post = (url: string, body: unknown, init: RequestInit = {}) =>
  fetch(`${url}/control`, { method: 'POST', body: JSON.stringify(body), ...init })

describe('the control route in Node.js', () => {
  it('changes the stream that asked for channels in its query', async () => {
    const { manager, url } = await start()
    const client = await openStream(`${url}?channel=job%3A1&channel=b`)
    const [open] = await client.received(1)
    const secrets = secretsOf(open!)
    expect(secrets.control).toMatch(/^[\w-]{22}$/)
    expect([...manager.connections.values()]).toMatchObject([{ channels: ['b', 'job:1'] }])
    const response = await post(url, { ...secrets, channels: ['job:1', 'job:2'], change: 1 })
    expect([response.status, await response.text()]).toEqual([202, ''])
    expect(response.headers.get('access-control-allow-origin')).toBe('https://example.com')
    await client.received(3)
    await manager.channel('job:2').publish('log', { message: 'hello' })
    const messages = await client.received(4)
    expect(messages.slice(1).map(({ event }) => event)).toEqual(['rivulet:channels', 'rivulet:live', 'log'])
  })

  it('gives each stream a secret of its own', async () => {
    const { url } = await start()
    const secrets = new Set<unknown>()
    for (let count = 0; count < 20; count++) {
      const client = await openStream(url)
      secrets.add(secretsOf((await client.received(1))[0]!).control)
    }
    expect(secrets.size).toBe(20)
  })

  it.each([
    ['no JSON', '{'],
    ['an empty body', ''],
    ['channels that are no array', JSON.stringify({ connectionId: 'a', control: 'b', channels: 'c' })],
  ])('answers %s with 400, and says what is wrong', async (_, body) => {
    const { url, onError } = await start()
    const response = await fetch(`${url}/control`, { method: 'POST', body })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain('RIVULET_INVALID_CHANGE')
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers a large body with 413, and keeps little of it', async () => {
    const { url } = await start()
    const body = JSON.stringify({ padding: 'x'.repeat(2_000_000) })
    expect((await fetch(`${url}/control`, { method: 'POST', body })).status).toBe(413)
  })

  it('forgets a client that leaves in the middle of its request', async () => {
    const { manager, url } = await start()
    const options: RequestOptions = { method: 'POST', headers: { 'content-length': 1_000 } }
    await expect(openStream(`${url}/control`, { ...options, signal: AbortSignal.timeout(100) }, '{')).rejects.toThrow()
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(0))
  })

  const slowPost = (body: string) => `POST /control HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${body}`

  it('reads the body of those who are let in only', async () => {
    const { url } = await start({ ...route, authorize: () => ({ status: 401 }) })
    const { until } = await sendRaw(Number(new URL(url).port), slowPost('{'))
    expect(await until('\r\n')).toContain(' 401 ')
  })

  it('takes a place before it reads the body', async () => {
    const { manager, url, onError } = await start(route, { limits: { maxConnections: 1 } })
    const port = Number(new URL(url).port)
    const { socket } = await sendRaw(port, slowPost('{'))
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(1))
    expect(await (await sendRaw(port, slowPost('{'))).until('\r\n')).toContain(' 503 ')
    socket.destroy()
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(0))
    expect((await post(url, { connectionId: 'a', control: 'b', channels: ['c'] })).status).toBe(404)
    expect(onError).not.toHaveBeenCalled()
  })

  it('waits for the body for callbackTimeoutMs', async () => {
    const { manager, url, onError } = await start(route, { callbackTimeoutMs: 50 })
    const { socket, until } = await sendRaw(Number(new URL(url).port), slowPost('{'))
    const ended = once(socket, 'end')
    expect(await until('at once.')).toMatch(/ 408 .*connection: close/is)
    await ended
    expect(manager.stats().pendingAdmissions).toBe(0)
    expect(onError).not.toHaveBeenCalled()
  })

  it('waits for the body for callbackTimeoutMs over HTTP/2, and ends the stream', async () => {
    const { manager, onError } = createManager({ callbackTimeoutMs: 50 })
    const session = await openSession(
      (request, response) => void handleStreamControl(manager, request, response, route),
    )
    const stream = session.request({ ':path': '/', ':method': 'POST' })
    stream.write('{')
    const [headers] = await once(stream, 'response')
    expect(headers[':status']).toBe(408)
    stream.resume()
    await once(stream, 'close')
    expect(manager.stats().pendingAdmissions).toBe(0)
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers 500 if authorize refuses with what HTTP does not allow, and the process lives', async () => {
    const { url, onError } = await start({
      ...route,
      authorize: () => ({ status: 401, headers: { 'x-a': 'a\u0001\nb' } }),
    })
    const response = await post(url, { connectionId: 'a', control: 'b', channels: [] })
    expect(response.status).toBe(500)
    expect(onError).toHaveBeenCalled()
  })

  it('refuses a stream that asks for too much', async () => {
    const { url } = await start()
    const client = await openStream(`${url}?channel=${'x'.repeat(257)}`)
    expect(client.response.statusCode).toBe(400)
  })
})

describe('the control route for web-standard requests', () => {
  const request = (path: string, init?: RequestInit) => new Request(`http://localhost${path}`, init)

  it('changes a stream', async () => {
    const { manager } = createManager()
    const { body } = await eventStreamResponse(manager, request('/events?channel=a'), route)
    const messages = decodeStream(body!)[Symbol.asyncIterator]()
    const secrets = secretsOf((await messages.next()).value!)
    const init = { method: 'POST', body: JSON.stringify({ ...secrets, channels: ['b'] }) }
    expect((await streamControlResponse(manager, request('/events/control', init), route)).status).toBe(202)
    expect(JSON.parse((await messages.next()).value!.data)).toEqual({ added: ['b'], removed: ['a'] })
  })

  it.each([
    ['is malformed', '{', 400],
    ['is too large', 'x'.repeat(100_000), 413],
    ['is missing', undefined, 400],
  ])('refuses a body that %s', async (_, body, status) => {
    const { manager } = createManager()
    const init = { method: 'POST', ...(body !== undefined && { body }) }
    expect((await streamControlResponse(manager, request('/', init), route)).status).toBe(status)
  })

  it('waits for the body for callbackTimeoutMs', async () => {
    const { manager } = createManager({ callbackTimeoutMs: 50 })
    const cancelled = vi.fn()
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(9)), cancel: cancelled })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await streamControlResponse(manager, request('/', init), route)).status).toBe(408)
    await vi.waitFor(() => expect(cancelled).toHaveBeenCalledOnce())
  })

  it('refuses a body that was read already', async () => {
    const { manager } = createManager()
    const used = request('/', { method: 'POST', body: '{}' })
    await used.text()
    expect((await streamControlResponse(manager, used, route)).status).toBe(400)
  })
})
