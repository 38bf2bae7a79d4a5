import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createGunzip } from 'node:zlib'
import { createDecoder, defineEvents, type SseMessage } from '@rivulet/core'
import { type ChannelsOptions, EventManager } from '@rivulet/server'
import compression from 'compression'
import express5, { type RequestHandler, type Response } from 'express'
import express4 from 'express4'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { sendRaw } from '../../server/test/raw-client.js'
import { controlEventsOf, dataOf, listen, openStream } from '../../server/test/stream-client.js'
import { channelMembers, eventHistory, eventStream, streamControl } from './index.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe.each([
  ['Express 5', express5],
  ['Express 4', express4],
])('%s', (_, express) => {
  function createManager() {
    const manager = new EventManager({ events })
    onTestFinished(() => manager.close())
    return manager
  }

  function start(path: string, ...handlers: RequestHandler[]): Promise<string> {
    const app = express()
    app.use(path, ...handlers.slice(0, -1), (_request, _response, next) => next())
    app.all(path, handlers.at(-1)!)
    return listen(createServer(app))
  }

  it('streams the channel of a route, with the headers of earlier middleware', async () => {
    const manager = createManager()
    const url = await start(
      '/rooms/:room',
      (_request, response, next) => {
        response.setHeader('Access-Control-Allow-Origin', '*')
        next()
      },
      eventStream(manager, { channels: (request) => [`room:${request.params.room}`] }),
    )
    const client = await openStream(`${url}/rooms/7`)
    await client.received(1)
    await manager.channel('room:7').publish('log', { message: 'hello' })
    const messages = await client.received(2)
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'access-control-allow-origin': '*',
    })
    expect(dataOf(messages, 'log')).toMatchObject([{ message: 'hello' }])
  })

  it('keeps no parser for an open stream', async () => {
    const sockets: Socket[] = []
    const url = await start(
      '/events',
      (request, _response, next) => {
        sockets.push(request.socket)
        next()
      },
      eventStream(createManager()),
    )
    const client = await openStream(`${url}/events`)
    await client.received(1)
    await vi.waitFor(() => expect(sockets).toMatchObject([{ parser: null }]))
  })

  it('resumes after a last event ID, and sends the refusal of authorize', async () => {
    const manager = createManager()
    const { id } = await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    const authorize = (request: express5.Request) => (request.query.token === 'good' ? { context: 1 } : { status: 401 })
    const url = await start('/events', eventStream(manager, { authorize }))
    const client = await openStream(`${url}/events?token=good&lastEventId=${id}`)
    const messages = await client.received(2)
    expect(controlEventsOf(messages)).toMatchObject([{ recovered: true, replayed: 1 }])
    expect(dataOf(messages, 'log')).toMatchObject([{ message: '2' }])
    expect((await openStream(`${url}/events`)).response.statusCode).toBe(401)
  })

  it('serves a POST whose body was parsed', async () => {
    const manager = createManager()
    const url = await start('/events', express.json(), eventStream(manager, { channels: (request) => request.body }))
    const headers = { 'Content-Type': 'application/json' }
    const client = await openStream(`${url}/events`, { method: 'POST', headers }, '["a"]')
    await client.received(1)
    await manager.channel('a').publish('log', { message: 'hello' })
    await client.received(2)
    expect(manager.connections.size).toBe(1)
  })

  it('is not compressed, as no-transform tells the compression middleware', async () => {
    const manager = createManager()
    const url = await start('/events', compression({ threshold: 0 }), eventStream(manager))
    const client = await openStream(`${url}/events`, { headers: { 'Accept-Encoding': 'gzip' } })
    await client.received(1)
    await manager.publish('log', { message: 'hello' })
    await client.received(2)
    expect(client.response.headers['content-encoding']).toBeUndefined()
  })

  it('opens one stream for a connection, however many requests are pipelined', async () => {
    const manager = createManager()
    const { port } = new URL(await start('/events', eventStream(manager)))
    const { socket, until } = await sendRaw(Number(port), 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10))
    await until('rivulet:open')
    expect(manager.stats()).toMatchObject({ connections: 1, refused: 9 })
    socket.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  })

  it.each([
    ['itself', []],
    ['by middleware', [express.json()]],
  ])('changes the channels of a stream, with the body read %s', async (_read, before) => {
    const manager = createManager()
    const route = {
      channels: (_request: express5.Request, _context: unknown, { requested = [] }: ChannelsOptions) => [...requested],
      changeable: true,
    }
    const app = express()
    app.get('/events', eventStream(manager, route))
    app.post('/events/control', ...(before as RequestHandler[]), streamControl(manager, route))
    const url = await listen(createServer(app))
    const client = await openStream(`${url}/events?channel=a`)
    const [open] = controlEventsOf(await client.received(1))
    const body = JSON.stringify({ ...(open as object), channels: ['b'], change: 1 })
    const headers = { 'Content-Type': 'application/json' }
    expect((await fetch(`${url}/events/control`, { method: 'POST', headers, body })).status).toBe(202)
    expect(controlEventsOf(await client.received(3)).slice(1)).toEqual([
      { type: 'rivulet:channels', added: ['b'], removed: ['a'], change: 1 },
      { type: 'rivulet:live', change: 1 },
    ])
  })

  it('answers with the history of a route, with the headers of earlier middleware', async () => {
    const manager = createManager()
    const channels = (request: express5.Request) => [`room:${request.params.room}`]
    for (const message of ['1', '2', '3']) await manager.channel('room:7').publish('log', { message })
    const url = await start(
      '/rooms/:room/history',
      (_request, response, next) => {
        response.setHeader('Access-Control-Allow-Origin', '*')
        next()
      },
      eventHistory(manager, { channels }),
    )
    const response = await fetch(`${url}/rooms/7/history?limit=1`)
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
    expect(response.headers.get('content-type')).toBe('application/json')
    const { events: found, before, hasOlder } = await response.json()
    expect([found, hasOlder]).toMatchObject([[{ event: 'log', data: { message: '3', channel: 'room:7' } }], true])
    expect(await (await fetch(`${url}/rooms/7/history?before=${before}`)).json()).toMatchObject({
      events: [{ data: { message: '1' } }, { data: { message: '2' } }],
      hasOlder: false,
    })
    expect((await fetch(`${url}/rooms/7/history?channel=room:8`)).status).toBe(403)
  })

  it('answers with the members of the channel of a route', async () => {
    const url = await start('/rooms/:room/members', channelMembers(createManager(), { channels: ['a'] }))
    const response = await fetch(`${url}/rooms/7/members`)
    expect([response.status, await response.json()]).toEqual([200, { members: [] }])
    expect((await fetch(`${url}/rooms/7/members?channel=b`)).status).toBe(403)
  })

  it('flushes each event if middleware compresses the stream', async () => {
    const manager = createManager()
    const url = await start('/events', compression({ threshold: 0 }), transformable, eventStream(manager))
    const client = await openStream(`${url}/events`, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(client.response.headers['content-encoding']).toBe('gzip')
    const { messages, leave } = gunzip(client.response)
    await vi.waitFor(() => expect(messages).toHaveLength(1))
    await manager.publish('log', { message: 'hello' })
    await vi.waitFor(() => expect(dataOf(messages, 'log')).toMatchObject([{ message: 'hello' }]))
    leave()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  })

  it('shuts down if middleware compresses the stream', async () => {
    const manager = createManager()
    const url = await start('/events', compression({ threshold: 0 }), transformable, eventStream(manager))
    const client = await openStream(`${url}/events`, { headers: { 'Accept-Encoding': 'gzip' } })
    const { messages } = gunzip(client.response)
    await vi.waitFor(() => expect(messages).toHaveLength(1))
    await manager.close()
    await client.ended
    await vi.waitFor(() =>
      expect(controlEventsOf(messages).at(-1)).toMatchObject({ type: 'rivulet:close', reason: 'shutdown' }),
    )
  })
})

/** Removes `no-transform`, so that the response is compressed. */
const transformable: RequestHandler = (_request, response, next) => {
  const { writeHead } = response
  response.writeHead = function (this: Response, status: number, headers: object) {
    return writeHead.call(this, status, { ...headers, 'Cache-Control': 'no-cache' })
  } as typeof writeHead
  next()
}

function gunzip(response: IncomingMessage): { messages: SseMessage[]; leave: () => void } {
  const messages: SseMessage[] = []
  const decoder = createDecoder({ onMessage: (message) => messages.push(message) })
  response
    .on('error', () => {})
    .pipe(createGunzip())
    .on('data', (chunk) => decoder.feed(chunk))
    .on('error', () => {})
  return { messages, leave: () => response.destroy() }
}
