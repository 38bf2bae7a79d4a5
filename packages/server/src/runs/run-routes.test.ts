import { createServer, type IncomingMessage } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { runEvents } from '../../test/runs.js'
import { listen } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleRunStop, handleRunStream } from '../node.js'
import { runStopResponse, runStreamResponse } from '../web.js'
import { RunManager } from './run-manager.js'
import type { RunAuthorizationOptions, RunStartRouteOptions } from './run-route.js'

function create() {
  const errors: unknown[] = []
  const manager = new EventManager({ events: runEvents, onError: (error) => errors.push(error) })
  const runs = new RunManager({ manager })
  onTestFinished(async () => {
    await runs.close()
    await manager.close()
  })
  return { manager, runs, errors }
}

/** Publishes two tokens, and ends when it is stopped. */
async function talk(
  runs: RunManager<typeof runEvents>,
  id: string,
  onSignal: (signal: AbortSignal) => void = () => {},
) {
  return runs.start(id, { key: 'ada' }, async ({ publish, signal }) => {
    onSignal(signal)
    for (const text of ['1', '2']) await publish('token', { text })
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
}

it('streams and stops runs over HTTP, with a clean end and 204 on return', async () => {
  const { runs } = create()
  let signal!: AbortSignal
  const route = {
    id: (request: IncomingMessage) => request.url?.slice(1),
    authorize: (request: IncomingMessage, { run }: RunAuthorizationOptions) =>
      request.headers.authorization !== undefined && (!run || run.key === request.headers.authorization),
  }
  const server = createServer(async (request, response) => {
    if (request.method === 'DELETE') return handleRunStop(runs, request, response, { ...route, reason: 'user' })
    if (request.method !== 'POST') return handleRunStream(runs, request, response, route)
    const start = ({ url }: IncomingMessage) =>
      talk(runs, url!.slice(1), (given) => {
        signal = given
      })
    const { authorize } = route
    return handleRunStream(runs, request, response, { start, location: (_, { id }) => `/${id}`, authorize })
  })
  const url = await listen(server)
  onTestFinished(() => void server.close())
  const headers = { authorization: 'ada' }
  // Started and read by one request.
  const response = await fetch(`${url}/a`, { method: 'POST', headers })
  expect([response.status, response.headers.get('content-location')]).toEqual([200, '/a'])
  const statuses = [
    await fetch(`${url}/a`, { method: 'DELETE' }),
    await fetch(`${url}/a`, { method: 'DELETE', headers: { authorization: 'bob' } }),
    await fetch(`${url}/unknown`, { method: 'DELETE', headers }),
    await fetch(`${url}/unknown`, { headers }),
  ].map(({ status }) => status)
  expect(statuses).toEqual([403, 403, 404, 404])
  const stopped = await fetch(`${url}/a`, { method: 'DELETE', headers })
  expect([stopped.status, await stopped.json()]).toEqual([200, { id: 'a', state: 'stopped', reason: 'user' }])
  expect(signal.aborted).toBe(true)
  // Resolves, as the response ends by itself.
  const text = await response.text()
  expect(JSON.parse(text.match(/event: rivulet:open\ndata: (.+)/)![1]!)).toMatchObject({
    recovered: null,
    location: '/a',
    run: true,
  })
  const events = [...text.matchAll(/^event: (.+)$/gm)].map(([, name]) => name)
  expect(events.filter((name) => name !== 'rivulet:live')).toEqual(['rivulet:open', 'token', 'token', 'rivulet:end'])
  expect(text).toMatch(/id: \w+\nevent: rivulet:end\ndata: \{"state":"stopped","reason":"user"\}\n\n$/)
  const cursor = text.match(/id: (\w+)\nevent: rivulet:end/)![1]!
  expect((await fetch(`${url}/a`, { headers: { ...headers, 'last-event-id': cursor } })).status).toBe(204)
  const again = await fetch(`${url}/a`, { headers })
  expect((await again.text()).match(/^event: token$/gm)).toHaveLength(2)
  expect(await (await fetch(`${url}/a`, { method: 'DELETE', headers })).json()).toMatchObject({ state: 'stopped' })
})

it('answers web-standard requests the same way', async () => {
  const { runs } = create()
  await talk(runs, 'a')
  const options = { id: () => 'a', authorize: () => true }
  const response = await runStreamResponse(runs, new Request('http://localhost/a'), options)
  const stopped = await runStopResponse(runs, new Request('http://localhost/a', { method: 'DELETE' }), options)
  expect([stopped.status, await stopped.json()]).toEqual([200, { id: 'a', state: 'stopped', reason: 'stopped' }])
  const text = await response.text()
  expect(text.trimEnd().endsWith('{"state":"stopped","reason":"stopped"}')).toBe(true)
  const cursor = text.match(/id: (\w+)\nevent: rivulet:end/)![1]!
  expect((await runStreamResponse(runs, new Request(`http://localhost/a?lastEventId=${cursor}`), options)).status).toBe(
    204,
  )
})

it('stops nothing if a route’s functions fail, and does not reveal why', async () => {
  const { runs, errors } = create()
  await talk(runs, 'a')
  const stop = async (options: object) => {
    const response = await runStopResponse(runs, new Request('http://localhost/a'), options as never)
    return [response.status, await response.text()]
  }
  const id = () => 'a'
  const fail = () => {
    throw new Error('secret')
  }
  expect(await stop({ id, authorize: fail })).toEqual([500, ''])
  expect(await stop({ id, authorize: () => undefined })).toEqual([500, ''])
  expect(await stop({ id })).toEqual([500, ''])
  expect(await stop({ id: fail, authorize: () => true })).toEqual([500, ''])
  expect(await stop({ id, authorize: () => Promise.reject(new Error('secret')) })).toEqual([500, ''])
  expect(await stop({ id, authorize: () => ({ status: 418, message: 'no' }) })).toEqual([418, 'no'])
  expect(errors).toHaveLength(5)
  expect(await runs.get('a')).toMatchObject({ state: 'running' })
})

it('starts a run once for requests that repeat its id, and answers web-standard requests the same way', async () => {
  const { runs } = create()
  const options = {
    start: () => talk(runs, 'a b'),
    location: (_: Request, { id }: { id: string }) => `/runs/${encodeURIComponent(id)}`,
    authorize: () => true,
  }
  const post = () => runStreamResponse(runs, new Request('http://localhost/runs', { method: 'POST' }), options)
  const [one, other] = [await post(), await post()]
  expect(one.headers.get('content-location')).toBe('/runs/a%20b')
  await runs.stop('a b')
  const texts = [await one.text(), await other.text()]
  for (const text of texts) expect(text.match(/^event: token$/gm)).toHaveLength(2)
})

it('refuses to start a run as the application says, and does not reveal why it failed', async () => {
  const { manager, errors } = create()
  const runs = new RunManager({ manager, maxRunningPerKey: 1 })
  await talk(runs, 'a')
  const post = async (changed: Partial<Record<keyof RunStartRouteOptions, unknown>>) => {
    const good = { start: () => talk(runs, 'a'), location: () => '/a', authorize: () => true }
    const request = new Request('http://localhost/', { method: 'POST' })
    const response = await runStreamResponse(runs, request, { ...good, ...changed } as RunStartRouteOptions)
    void response.body?.cancel()
    return response.status
  }
  expect(await post({})).toBe(200)
  expect(await post({ start: () => false })).toBe(403)
  expect(await post({ start: async () => ({ status: 401 }) })).toBe(401)
  expect(await post({ authorize: () => false })).toBe(403)
  expect(await post({ start: () => talk(runs, 'b') })).toBe(429)
  expect(errors).toEqual([])
  const fail = () => {
    throw new Error('secret')
  }
  expect(await post({ start: fail })).toBe(500)
  expect(await post({ start: () => undefined })).toBe(500)
  expect(await post({ start: () => true })).toBe(500)
  expect(await post({ start: () => ({ status: 200 }) })).toBe(500)
  expect(await post({ location: fail })).toBe(500)
  expect(await post({ location: undefined })).toBe(500)
  for (const location of ['', '/a b', '/ä', '/a\r\nx: y', 1]) expect(await post({ location: () => location })).toBe(500)
  expect(errors).toHaveLength(11)
  await runs.close()
  expect(await post({})).toBe(503)
  expect(errors).toHaveLength(11)
})
