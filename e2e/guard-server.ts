import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { eventStreamResponse } from '@rivulet/server/web'
import { eventStream as expressStream } from '@rivulet/server-express'
import { eventStream as koaStream } from '@rivulet/server-koa'
import express from 'express'
import Koa from 'koa'
import { z } from 'zod'
import {
  behave,
  type FunctionName,
  foreignValues,
  type Manner,
  manners,
} from '../packages/server/test/foreign-values.js'

// A server whose callbacks behave as each request says. `guard.test.ts` starts one per host, and checks that it survives.

const events = defineEvents({ log: z.object({ message: z.string() }), state: z.object({ total: z.number() }) })
const later = (action: () => void) => void setTimeout(action, 20)

// The errors of the failing onError end up there.
console.error = () => {}

let turn = 0
const anyhow = () => {
  const values = foreignValues('filter')
  const value = values[turn++ % values.length]!()
  return behave(manners[turn % manners.length]!, value, later) as never
}
const manager = new EventManager({
  events,
  callbackTimeoutMs: 200,
  limits: { maxConnections: Number(process.argv[3]) },
  presence: { onChange: anyhow },
  onError: anyhow,
})

/** Well-behaved callbacks, except the one that the request names. */
function optionsFor(url = ''): EventStreamOptions<unknown, unknown, typeof events> {
  const query = new URL(url, 'http://localhost').searchParams
  const name = query.get('function') as FunctionName | null
  const call = () => {
    const value = foreignValues(name!)[Number(query.get('value'))]!()
    return behave(query.get('manner') as Manner, value, later) as never
  }
  return {
    authorize: () => ({ context: 1, key: 'k' }),
    channels: () => ['default'],
    presence: () => ({ name: 'k' }),
    snapshot: () => ({ events: [{ type: 'state', payload: { total: 1 } }] }),
    filter: () => true,
    ...(name && { [name]: call }),
  }
}

const hosts: Record<string, () => RequestListener> = {
  node: () => (request, response) => void handleEventStream(manager, request, response, optionsFor(request.url)),
  express: () =>
    express().use((request, response, next) =>
      expressStream(manager, optionsFor(request.url))(request, response, next),
    ),
  koa: () => new Koa().use((ctx, next) => koaStream(manager, optionsFor(ctx.url))(ctx, next)).callback(),
  web: () => (request, response) => void serveWeb(request, response),
}

async function serveWeb({ url }: IncomingMessage, response: ServerResponse): Promise<void> {
  const left = new AbortController()
  response.on('close', () => left.abort())
  const request = new Request(new URL(url!, 'http://localhost'), { signal: left.signal })
  const { status, headers, body } = await eventStreamResponse(manager, request, optionsFor(url))
  response.writeHead(status === 499 ? 500 : status, Object.fromEntries(headers))
  response.flushHeaders()
  if (body)
    Readable.fromWeb(body as never)
      .on('error', () => {})
      .pipe(response)
  else response.end()
}

const publishing = setInterval(() => manager.emit('log', { message: 'hello' }), 20)
const server = createServer(hosts[process.argv[2]!]!())
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))

process.on('message', async (message) => {
  if (message === 'stats') process.send!({ stats: manager.stats() })
  if (message !== 'close') return
  clearInterval(publishing)
  await manager.close()
  server.close(() => process.disconnect())
  // The test's client keeps connections alive.
  server.closeIdleConnections()
})
