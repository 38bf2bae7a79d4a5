import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { type ChannelsOptions, EventManager } from '@rivulet/server'
import Koa3 from 'koa'
import Koa2 from 'koa2'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { sendRaw } from '../../server/test/raw-client.js'
import { controlEventsOf, dataOf, listen, openStream } from '../../server/test/stream-client.js'
import { channelMembers, eventHistory, eventStream, streamControl } from './index.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe.each([
  ['Koa 3', Koa3],
  ['Koa 2', Koa2],
])('%s', (_, Koa) => {
  async function start(...middleware: Koa3.Middleware[]) {
    const app = new Koa()
    const onError = vi.fn()
    app.on('error', onError)
    for (const each of middleware) app.use(each)
    return { url: await listen(createServer(app.callback())), onError }
  }

  function createManager() {
    const manager = new EventManager({ events })
    onTestFinished(() => manager.close())
    return manager
  }

  it('streams with status 200 and the headers of earlier middleware', async () => {
    const manager = createManager()
    const { url, onError } = await start(
      async (ctx, next) => {
        ctx.set('Access-Control-Allow-Origin', '*')
        ctx.state.room = '7'
        await next()
        // Middleware may do this after the response has begun.
        ctx.set('X-Response-Time', '1')
      },
      eventStream(manager, { channels: (ctx) => [`room:${ctx.state.room}`] }),
    )
    const client = await openStream(url)
    expect(client.response.statusCode).toBe(200)
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'access-control-allow-origin': '*',
    })
    await client.received(1)
    await manager.channel('room:7').publish('log', { message: 'hello' })
    expect(dataOf(await client.received(2), 'log')).toMatchObject([{ message: 'hello' }])
    client.request.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    expect(onError).not.toHaveBeenCalled()
  })

  it.each([
    ['itself', undefined],
    [
      'by middleware',
      async (ctx: Koa3.Context) => {
        let text = ''
        for await (const chunk of ctx.req) text += chunk
        ;(ctx.request as { body?: unknown }).body = JSON.parse(text)
      },
    ],
  ])('changes the channels of a stream, with the body read %s', async (_read, parse) => {
    const manager = createManager()
    const route = {
      channels: (_ctx: Koa3.Context, _context: unknown, { requested = [] }: ChannelsOptions) => [...requested],
      changeable: true,
    }
    const [stream, control] = [eventStream(manager, route), streamControl(manager, route)]
    const { url, onError } = await start(async (ctx, next) => {
      if (ctx.path === '/events') return stream(ctx, next)
      await parse?.(ctx)
      return control(ctx, next)
    })
    const client = await openStream(`${url}/events?channel=a`)
    const [open] = controlEventsOf(await client.received(1))
    const body = JSON.stringify({ ...(open as object), channels: ['b'], change: 1 })
    expect((await fetch(`${url}/events/control`, { method: 'POST', body })).status).toBe(202)
    expect(controlEventsOf(await client.received(3)).slice(1)).toEqual([
      { type: 'rivulet:channels', added: ['b'], removed: ['a'], change: 1 },
      { type: 'rivulet:live', change: 1 },
    ])
    expect((await fetch(`${url}/events/control`, { method: 'POST', body: '[]' })).status).toBe(400)
    expect(onError).not.toHaveBeenCalled()
  })

  it('opens one stream for a connection, however many requests are pipelined', async () => {
    const manager = createManager()
    const { url, onError } = await start(eventStream(manager))
    const { socket, until } = await sendRaw(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10))
    await until('rivulet:open')
    expect(manager.stats()).toMatchObject({ connections: 1, refused: 9 })
    socket.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    expect(onError).not.toHaveBeenCalled()
  })

  it('makes one page of the history for a connection, however many requests are pipelined', async () => {
    const authorize = vi.fn(async () => true as const)
    const { url, onError } = await start(eventHistory(createManager(), { authorize }))
    const last = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const { until } = await sendRaw(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4) + last)
    const statuses = (await until('Connection: close')).match(/HTTP\/1.1 \d+/g)
    expect(statuses).toEqual(['HTTP/1.1 200', ...Array(4).fill('HTTP/1.1 503')])
    expect(authorize).toHaveBeenCalledOnce()
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers with the history of a route', async () => {
    const manager = createManager()
    for (const message of ['1', '2', '3']) await manager.publish('log', { message })
    const authorize = (ctx: Koa3.Context) => (ctx.get('x-user') ? { context: 1 } : { status: 401, message: 'Sign in.' })
    const { url, onError } = await start(eventHistory(manager, { authorize }))
    const headers = { 'x-user': 'ada' }
    const response = await fetch(`${url}/events/history?limit=2`, { headers })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toMatchObject({ events: [{ data: { message: '2' } }, {}], hasOlder: true })
    const refused = await fetch(`${url}/events/history`)
    expect([refused.status, await refused.text()]).toEqual([401, 'Sign in.'])
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers with the members of the channel of a route', async () => {
    const { url } = await start(channelMembers(createManager(), { channels: ['a'] }))
    const response = await fetch(`${url}/events/members`)
    expect([response.status, await response.json()]).toEqual([200, { members: [] }])
    expect((await fetch(`${url}/events/members?channel=b`)).status).toBe(403)
  })

  it('gives authorize the context, and sends its refusal', async () => {
    const authorize = vi.fn((ctx: Koa3.Context) => ({ status: 401, headers: { 'WWW-Authenticate': ctx.path } }))
    const { url } = await start(eventStream(createManager(), { authorize }))
    const { response } = await openStream(`${url}/private`)
    expect(response.statusCode).toBe(401)
    expect(response.headers['www-authenticate']).toBe('/private')
  })

  it('resumes after a last event ID', async () => {
    const manager = createManager()
    const { url } = await start(eventStream(manager))
    const { id } = await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    const client = await openStream(url, { headers: { 'Last-Event-ID': id! } })
    const messages = await client.received(2)
    expect(controlEventsOf(messages)).toMatchObject([{ recovered: true, replayed: 1 }])
    expect(dataOf(messages, 'log')).toMatchObject([{ message: '2' }])
  })
})
