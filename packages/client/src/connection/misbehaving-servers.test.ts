import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataOf, until, useHarness } from '../../test/harness.js'

const harness = useHarness()

/** A server that writes bytes, not responses. */
let server: Server
/** Those that asked for something. */
let sockets: Socket[]
let all: Socket[]

beforeEach(async () => {
  sockets = []
  all = []
  server = createServer((socket) => {
    all.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => sockets.push(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  for (const socket of all) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'

function connect(options = {}) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const stream = harness.createStream({ url, ...options })
  const received = dataOf(stream)
  stream.connect()
  return { stream, received }
}

async function socket(count = 1): Promise<Socket> {
  await until(() => sockets.length === count)
  return sockets.at(-1) as Socket
}

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

describe('a broken connection is retried', () => {
  test('after FIN before the response', async () => {
    const { stream } = connect()
    ;(await socket()).end()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  test('after RST before the response', async () => {
    const { stream } = connect()
    ;(await socket()).resetAndDestroy()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  test('after RST within the stream', async () => {
    const { stream, received } = connect()
    const connection = await socket()
    connection.write(`${head}\r\ndata: 1\n\ndata: 2\n`)
    await until(() => received.length === 1)
    connection.resetAndDestroy()
    await until(() => stream.status === 'waiting')
    expect(received).toEqual(['1'])
  })

  test('after FIN within a stream of unknown length', async () => {
    const { stream, received } = connect()
    ;(await socket()).end(`${head}Connection: close\r\n\r\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n`)
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CLOSED_BY_SERVER' })
    expect(received).toEqual(['1'])
    expect(stream.lastEventId).toBe('1')
  })

  test('after FIN within a chunked body', async () => {
    const { stream, received } = connect()
    ;(await socket()).end(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk('data: 1\n\n')}FF\r\ndata: 2\n\n`)
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
    // What came is an event, however its connection ended.
    expect(received).toEqual(['1', '2'])
  })

  test('after a body shorter than its length', async () => {
    const { stream, received } = connect()
    ;(await socket()).end(`${head}Content-Length: 100\r\n\r\ndata: 1\n\n`)
    await until(() => stream.status === 'waiting')
    expect(received).toEqual(['1'])
  })

  test('after bytes that are not HTTP', async () => {
    const { stream } = connect()
    ;(await socket()).end('SSH-2.0-OpenSSH_9.2\r\n')
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  test('after a refused connection', async () => {
    const { stream } = connect({ url: 'http://127.0.0.1:1/' })
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })
})

test('silence is detected by the announced heartbeat', async () => {
  const { stream, received } = connect({ heartbeatMarginMs: 1_000 })
  const connection = await socket()
  connection.write(
    `${head}\r\nevent: rivulet:open\ndata: {"connectionId":"c","heartbeatMs":10000,"recovered":null,"replayed":0}\n\ndata: 1\n\n`,
  )
  await until(() => received.length === 1)
  harness.clock.advance(20_999)
  expect(stream.status).toBe('open')
  harness.clock.advance(1)
  expect(stream.status).toBe('waiting')
  expect(stream.state.error).toMatchObject({ code: 'RIVULET_HEARTBEAT_TIMEOUT', idleMs: 21_000 })
  await until(() => connection.destroyed)
  // The next connection, which announces nothing any more, is held to the same.
  harness.clock.advance(2_000)
  ;(await socket(2)).write(`${head}\r\n`)
  await until(() => stream.status === 'open')
  harness.clock.advance(21_000)
  expect(stream.status).toBe('waiting')
})

test('silence is detected by idleTimeoutMs if no heartbeat is announced', async () => {
  const { stream } = connect({ idleTimeoutMs: 3_000 })
  const connection = await socket()
  connection.write(`${head}\r\n`)
  await until(() => stream.status === 'open')
  harness.clock.advance(2_000)
  connection.write(':\n')
  await until(() => stream.lastActivityAt === harness.clock.now())
  harness.clock.advance(2_999)
  expect(stream.status).toBe('open')
  harness.clock.advance(1)
  expect(stream.status).toBe('waiting')
})

test('bytes may arrive one at a time', async () => {
  const { received } = connect()
  const connection = await socket()
  connection.setNoDelay(true)
  const body = '\uFEFFid: ☃\r\ndata: héllo\r\rdata: 2\r\n\r\n: c\nevent: x\ndata: 🎉\n\n'
  for (const byte of Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`)) connection.write(Buffer.of(byte))
  for (const byte of Buffer.from(body)) {
    connection.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => received.length === 3)
  expect(received).toEqual(['héllo', '2', '🎉'])
})

test('a stream may be split anywhere', async () => {
  const body = Buffer.from('\uFEFFid: ☃\r\ndata: 🎉\r\n\r\ndata: 2\n\n')
  for (let cut = 1; cut < body.length; cut++) {
    const parts = [body.subarray(0, cut), body.subarray(cut)]
    const fetchParts = async () => {
      const stream = new ReadableStream({
        pull(controller) {
          const part = parts.shift()
          if (part) controller.enqueue(part)
        },
      })
      return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
    }
    const { stream, received } = connect({ fetch: fetchParts })
    await until(() => received.length === 2)
    expect(received).toEqual(['🎉', '2'])
    expect(stream.lastEventId).toBe('☃')
  }
})

test.each(['data: ', ': ', 'x'])(
  'a line of 64 MB is skipped, not buffered: %s',
  { timeout: 120_000 },
  async (start) => {
    const { stream, received } = connect({ maxEventBytes: 100_000 })
    const gaps: string[] = []
    stream.onGap(({ reason }) => gaps.push(reason))
    const connection = await socket()
    connection.write(`${head}\r\n${start}`)
    for (let i = 0; i < 64; i++) {
      if (!connection.write('x'.repeat(1_000_000))) await new Promise((resolve) => connection.once('drain', resolve))
    }
    connection.write('\n\ndata: after\n\n')
    await until(() => received.length === 1, 60_000)
    expect(received).toEqual(['after'])
    expect(gaps).toEqual(start === 'data: ' ? ['oversized'] : [])
    expect(stream.status).toBe('open')
  },
)

test('an event of 64 MiB is skipped, or received if allowed', { timeout: 120_000 }, async () => {
  const size = 64 * 1_048_576
  const refused = connect()
  ;(await socket()).write(`${head}\r\ndata: ${'x'.repeat(size)}\n\ndata: after\n\n`)
  await until(() => refused.received.length === 1, 60_000)
  expect(refused.received).toEqual(['after'])
  expect(refused.stream.state.gap).toMatchObject({ reason: 'oversized' })

  const allowed = connect({ maxEventBytes: size + 100 })
  ;(await socket(2)).end(`${head}\r\ndata: ${'x'.repeat(size)}\n\n`)
  await until(() => allowed.received.length === 1, 60_000)
  expect(allowed.received[0]).toHaveLength(size)
})

test.each(['retry: 0', 'retry: 99999999999', 'retry: 9'.padEnd(400, '9'), 'retry: -5', 'retry: 1e3', 'retry:'])(
  'is not stormed, whatever it asks for: %s',
  async (line) => {
    const { stream } = connect()
    server.removeAllListeners('connection')
    server.on('connection', (socket) => {
      all.push(socket)
      sockets.push(socket)
      socket.on('error', () => {})
      socket.once('data', () => socket.end(`${head}\r\n${line}\n\n`))
    })
    for (let second = 0; second < 10; second++) {
      await until(() => stream.status === 'waiting')
      harness.clock.advance(1_000)
    }
    // The first, and then at most one after 250 ms, 500 ms, 1 s, 2 s, 4 s.
    expect(sockets.length).toBeGreaterThan(0)
    expect(sockets.length).toBeLessThanOrEqual(6)
  },
)
