import { defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions, RunManager } from '@rivulet/server'
import Koa3, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { openSession } from '../../server/test/http2-session.js'
import { channelMembers, eventHistory, eventStream, runStop, streamControl } from './index.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
type Options = Required<Pick<EventStreamOptions<Context, undefined, typeof events>, 'authorize'>>

function createManager(options: { callbackTimeoutMs?: number } = {}) {
  const manager = new EventManager({ events, ...options })
  onTestFinished(() => manager.close())
  return manager
}

const routes: Record<string, (options: Options) => Middleware> = {
  stream: (options) => eventStream(createManager(), options),
  history: (options) => eventHistory(createManager(), options),
  members: (options) => channelMembers(createManager(), options),
  control: (options) => streamControl(createManager(), options),
  'run stop': ({ authorize }) => runStop(new RunManager({ manager: createManager() }), { id: () => 'a', authorize }),
}

describe.each([
  ['Koa 3', Koa3],
  ['Koa 2', Koa2],
])('%s over HTTP/2', (_, Koa) => {
  async function start(middleware: Middleware) {
    const app = new Koa()
    const onError = vi.fn()
    app.on('error', onError)
    app.use(middleware)
    const warnings = vi.fn()
    process.on('warning', warnings)
    onTestFinished(() => void process.off('warning', warnings))
    return { session: await openSession(app.callback() as never), onError, warnings }
  }

  it.each(Object.entries(routes))('omits the headers of a refusal that it forbids: %s', async (_route, create) => {
    const headers = { Connection: 'close', 'Keep-Alive': 'timeout=5', Upgrade: 'h2c', 'X-Own': '1' }
    const { session, onError, warnings } = await start(create({ authorize: () => ({ status: 401, headers }) }))
    const answered = await new Promise<object>((resolve) => {
      session.request({ ':path': '/' }).on('response', resolve).resume()
    })
    expect(answered).toMatchObject({ ':status': 401, 'x-own': '1' })
    expect(answered).not.toHaveProperty('connection')
    expect(onError).not.toHaveBeenCalled()
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).not.toHaveBeenCalled()
  })

  it('gives up a request whose client leaves', async () => {
    const manager = createManager()
    const authorize = vi.fn(() => new Promise<true>(() => {}))
    const { session, onError } = await start(eventHistory(manager, { authorize }))
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    await vi.waitFor(() => expect(authorize).toHaveBeenCalled())
    stream.close(8)
    await vi.waitFor(() => expect(manager.stats().pendingAdmissions).toBe(0))
    expect(onError).not.toHaveBeenCalled()
  })

  it('answers 408 to a body that does not come, and ends the stream', async () => {
    const { session, onError } = await start(streamControl(createManager({ callbackTimeoutMs: 50 })))
    const stream = session.request({ ':path': '/', ':method': 'POST' })
    stream.write('{')
    const closed = new Promise((resolve) => stream.on('close', resolve))
    const status = await new Promise((resolve) => {
      stream.on('response', (headers) => resolve(headers[':status'])).resume()
    })
    expect(status).toBe(408)
    await closed
    expect(onError).not.toHaveBeenCalled()
  })
})
