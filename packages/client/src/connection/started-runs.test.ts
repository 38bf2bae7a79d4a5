import { createServer as createTcpServer, type Socket } from 'node:net'
import { encodeControlEvent, encodeMessage } from '@rivulet/core'
import { expect, onTestFinished, test } from 'vitest'
import { dataOf, until, useHarness } from '../../test/harness.js'

const harness = useHarness()

const texts = ['a', 'b', 'c']
const first = encodeControlEvent(
  { type: 'rivulet:open', connectionId: 'c', heartbeatMs: 0, recovered: null, replayed: 1, location: '/answers/42' },
  { id: '1', retry: 250 },
)
const events = texts.map((data, index) => encodeMessage({ id: String(index + 2), event: 'token', data }))
const end = encodeControlEvent({ type: 'rivulet:end', state: 'done' }, { id: '9' })
const body = first + events.join('') + end

/** The response to a GET of the run after a cursor. */
function rest(cursor: string | undefined): string {
  const from = cursor === undefined ? 0 : Number(cursor) - 1
  const open = { connectionId: 'c', heartbeatMs: 0, recovered: cursor !== undefined, replayed: 0 }
  return encodeControlEvent({ type: 'rivulet:open', ...open }) + events.slice(from).join('') + end
}

/** Starts a server that cuts the answer to the POST after so many bytes, and the GET of the run never. */
async function serve(cutAfter: number, headers: string) {
  const requests: { method: string; path: string; cursor: string | undefined; body: boolean }[] = []
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', (data) => {
      const request = data.toString()
      const [method, path] = request.split(' ') as [string, string]
      const cursor = /^last-event-id: (.+)\r$/im.exec(request)?.[1]
      requests.push({ method, path, cursor, body: /^content-length: [1-9]/im.test(request) })
      const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n${headers}\r\n`
      if (method === 'POST') socket.end((head + body).slice(0, cutAfter))
      else socket.end(head + rest(cursor))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as { port: number }
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n${headers}\r\n`.length
  return { url: `http://127.0.0.1:${port}/answers`, requests, head }
}

function start(url: string) {
  const stream = harness.createStream({ url, body: 'prompt', headers: { 'content-type': 'text/plain' } })
  const received = dataOf(stream)
  stream.connect()
  return { stream, received }
}

const named = 'Content-Location: /answers/42\r\n'

test.each([
  ['named by the header', named],
  ['named by the first event alone', ''],
])(
  'a run, %s, is read on by GET wherever the answer to its POST is cut',
  async (_, headers) => {
    const { head } = await serve(0, headers)
    const told = headers ? head : head + first.length
    for (let cutAfter = 0; cutAfter < head + body.length; cutAfter += cutAfter < head - 1 ? 20 : 1) {
      const { url, requests } = await serve(cutAfter, headers)
      const { stream, received } = start(url)
      await until(() => stream.status === 'waiting' || stream.status === 'closed')
      if (cutAfter < told) {
        expect(stream.state.error, `cut after ${cutAfter} bytes`).toMatchObject({
          code: 'RIVULET_REQUEST_NOT_REPEATED',
        })
        expect(requests).toHaveLength(1)
        continue
      }
      harness.clock.advance(10_000)
      await until(() => stream.status === 'closed')
      expect(stream.state, `cut after ${cutAfter} bytes`).toMatchObject({
        error: undefined,
        ended: { state: 'done' },
        location: new URL('/answers/42', url).href,
      })
      expect(received, `cut after ${cutAfter} bytes`).toEqual(texts)
      expect(requests.map(({ method, path, body }) => [method, path, body])).toEqual([
        ['POST', '/answers', true],
        ['GET', '/answers/42', false],
      ])
    }
  },
  60_000,
)

test('a run stays what the stream reads, after close() and connect() too', async () => {
  const { url, requests, head } = await serve(0, named)
  expect(requests).toHaveLength(0)
  const served = await serve(head + first.length, named)
  const { stream } = start(served.url)
  await until(() => stream.status === 'waiting')
  stream.close()
  stream.connect()
  await until(() => stream.state.ended)
  stream.reconnect()
  await until(() => served.requests.length === 3)
  expect(served.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET'])
  expect(url).not.toBe(served.url)
})

test.each(['https://elsewhere.test/answers/42', '//elsewhere.test/answers/42'])(
  'a run at another origin (%s) is not read, as it must not get the credentials',
  async (location) => {
    const { url, requests } = await serve(10_000, `Content-Location: ${location}\r\n`)
    const { stream, received } = start(url)
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'location' })
    expect([received, requests.length]).toEqual([[], 1])
  },
)

test('the address that an event of the stream gives is checked alike', async () => {
  const { server, createStream } = harness
  const foreign = first.replace('/answers/42', 'http://elsewhere.test/')
  server.answer = (_, response) => server.accept(response).write(foreign)
  const stream = createStream({ body: 'prompt' })
  stream.connect()
  await until(() => stream.status === 'closed')
  expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'location' })
})

test('the Content-Location of a GET names no run', async () => {
  const { server, clock, createStream } = harness
  server.answer = (_, response) => server.accept(response, { 'content-location': '/other' })
  const stream = createStream()
  stream.connect()
  await server.open()
  server.drop()
  await until(() => stream.status === 'waiting')
  clock.advance(10_000)
  await server.open()
  expect(server.requests.map(({ url }) => url)).toEqual(['/events', '/events'])
})
