import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineEvents } from '@rivulet/core'
import { EventManager, RunManager } from '@rivulet/server'
import Koa from 'koa'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { runStop, runStream } from './run-stream.js'

it('streams a run to its end, and stops it', async () => {
  const manager = new EventManager({ events: defineEvents({ token: z.object({ text: z.string() }) }) })
  const runs = new RunManager({ manager })
  const route = { id: ({ path }: Koa.Context) => path.slice('/runs/'.length), authorize: () => true }
  const [read, stop] = [runStream(runs, route), runStop(runs, route)]
  const app = new Koa().use((ctx, next) => (ctx.method === 'DELETE' ? stop : read)(ctx, next))
  const server = createServer(app.callback()).listen(0)
  onTestFinished(() => void server.close())
  const url = `http://localhost:${(server.address() as AddressInfo).port}/runs`
  await runs.start('a', {}, ({ publish, signal }) => {
    void publish('token', { text: 'hello' })
    return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  })
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
