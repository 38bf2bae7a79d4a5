import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import * as node from '@rivulet/server/node'
import * as web from '@rivulet/server/web'
import * as onExpress from '@rivulet/server-express'
import * as onKoa from '@rivulet/server-koa'
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

/** The handlers of each host, by the end of a request's path. */
const routes = {
  node: {
    '': node.handleEventStream,
    control: node.handleStreamControl,
    history: node.handleEventHistory,
    members: node.handleChannelMembers,
  },
  express: {
    '': onExpress.eventStream,
    control: onExpress.streamControl,
    history: onExpress.eventHistory,
    members: onExpress.channelMembers,
  },
  koa: {
    '': onKoa.eventStream,
    control: onKoa.streamControl,
    history: onKoa.eventHistory,
    members: onKoa.channelMembers,
  },
  web: {
    '': web.eventStreamResponse,
    control: web.streamControlResponse,
    history: web.eventHistoryResponse,
    members: web.channelMembersResponse,
  },
}

function pick<Handler>(handlers: Record<string, Handler>, url = ''): Handler {
  return handlers[new URL(url, 'http://localhost').pathname.slice(1)]!
}

const hosts: Record<string, () => RequestListener> = {
  node: () => (request, response) =>
    void pick(routes.node, request.url)(manager, request, response, optionsFor(request.url)),
  express: () =>
    express().use((request, response, next) =>
      pick(routes.express, request.url)(manager, optionsFor(request.url))(request, response, next),
    ),
  koa: () =>
    new Koa().use((ctx, next) => pick(routes.koa, ctx.url)(manager, optionsFor(ctx.url))(ctx, next)).callback(),
  web: () => (request, response) => void serveWeb(request, response),
}

async function serveWeb(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url, method = 'GET' } = incoming
  const left = new AbortController()
  response.on('close', () => left.abort())
  const body = method === 'POST' ? await text(incoming).catch(() => '') : null
  const request = new Request(new URL(url!, 'http://localhost'), { method, body, signal: left.signal })
  const answer = await pick(routes.web, url)(manager, request, optionsFor(url))
  response.writeHead(answer.status === 499 ? 500 : answer.status, Object.fromEntries(answer.headers))
  response.flushHeaders()
  if (answer.body)
    Readable.fromWeb(answer.body as never)
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
