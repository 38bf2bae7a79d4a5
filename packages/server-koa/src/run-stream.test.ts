import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineEvents } from '@rivulet/core'
import { EventManager, RunManager } from '@rivulet/server'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { runStop, runStream } from './run-stream.js'

it('starts a run, streams it to its end, and stops it', async () => {
  const manager = new EventManager({ events: defineEvents({ token: z.object({ text: z.string() }) }) })
  const runs = new RunManager({ manager })
  const route = { id: ({ path }: Koa.Context) => path.slice('/runs/'.length), authorize: () => true }
  const [read, stop] = [runStream(runs, route), runStop(runs, route)]
  const post = runStream(runs, {
    start: () =>
      runs.start('a', {}, ({ publish, signal }) => {
        void publish('token', { text: 'hello' })
        return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      }),
    location: (_, { id }) => `/runs/${id}`,
    authorize: () => true,
  })
  const handlers: { [method: string]: Koa.Middleware } = { GET: read, DELETE: stop, POST: post }
  const app = new Koa().use((ctx, next) => handlers[ctx.method]!(ctx, next))
  const server = createServer(app.callback()).listen(0)
  onTestFinished(() => void server.close())
  const url = `http://localhost:${(server.address() as AddressInfo).port}/runs`
  const started = await fetch(url, { method: 'POST' })
  expect([started.status, started.headers.get('content-location')]).toEqual([200, '/runs/a'])
  await started.body?.cancel()
  const response = await fetch(`${url}/a`)
  const stopped = await fetch(`${url}/a`, { method: 'DELETE' })
  expect(await stopped.json()).toEqual({ id: 'a', state: 'stopped', reason: 'stopped' })
  expect(await response.text()).toMatch(
    /"hello"[\s\S]*event: rivulet:end\ndata: \{"state":"stopped","reason":"stopped"\}\n\n$/,
  )
  expect((await fetch(`${url}/b`)).status).toBe(404)
  await runs.close()
  await manager.close()
})
