import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect as connectHttp2, createSecureServer, type Http2SecureServer } from 'node:http2'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { certificate } from '../../test/certificate.js'
import { type RawClient, sendRaw } from '../../test/raw-client.js'
import { type Events, events } from '../../test/served.js'
import { listen } from '../../test/stream-client.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import { backgroundClock } from '../runtime/clock.js'
import { NodeSink } from './node-sink.js'
import { Payload } from './payload.js'

/** Runs timers twenty times as fast: an ended connection gets two seconds otherwise. */
const hurried: Clock = {
  ...backgroundClock,
  setTimeout: (callback, ms) => backgroundClock.setTimeout(callback, ms / 20),
}

function createManager(options: Partial<EventManagerOptions<Events>> = {}): EventManager<Events> {
  const manager = new EventManager({ events, clock: hurried, ...options })
  onTestFinished(() => manager.close())
  return manager
}

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port

async function serve(manager: EventManager<Events>, others: RequestListener = (_, response) => response.end('plain')) {
  const server = createServer((request, response) => {
    if (request.url === '/events') void handleEventStream(manager, request, response)
    else others(request, response)
  })
  await listen(server)
  return server
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

describe('pipelined requests', () => {
  it('open one stream per connection, and leave none behind', async () => {
    const manager = createManager({ heartbeat: false })
    const server = await serve(manager)
    const { socket, until } = await sendRaw(portOf(server), get('/events').repeat(10))
    await until('rivulet:open')
    expect(manager.stats()).toMatchObject({ connections: 1, opened: 1, refused: 9 })
    await manager.publish('log', { message: 'The first stream goes on.' })
    await until('goes on')
    socket.destroy()
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 }))
    await manager.close()
  })

  it('end the connection if there are too many', async () => {
    const manager = createManager({ heartbeat: false })
    const server = await serve(manager)
    const { socket, until } = await sendRaw(portOf(server), get('/events').repeat(500))
    await until('rivulet:open')
    await once(socket, 'close')
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, opened: 1 }))
    await manager.close()
  })

  it('do not keep others out', async () => {
    const manager = createManager({ limits: { maxConnections: 10 } })
    const server = await serve(manager)
    const { until } = await sendRaw(portOf(server), get('/events').repeat(15))
    await until('rivulet:open')
    const other = await sendRaw(portOf(server), get('/events'))
    expect(await other.until('\r\n\r\n')).toContain('200 OK')
  })

  it('are refused behind an unfinished response, and told to use another connection', async () => {
    const manager = createManager()
    let answer = () => {}
    const server = await serve(manager, (_, response) => {
      answer = () => response.end('plain')
    })
    const { socket, until } = await sendRaw(portOf(server), get('/slow') + get('/events'))
    await vi.waitFor(() => expect(manager.stats().refused).toBe(1))
    answer()
    const text = await until('503')
    expect(text.slice(text.indexOf('plain'))).toMatch(/HTTP\/1.1 503 [\s\S]+Connection: close/)
    await once(socket, 'close')
    expect(manager.stats()).toMatchObject({ connections: 0, opened: 0 })
  })

  it('do not include sequential requests on a kept-alive connection', async () => {
    const manager = createManager()
    const server = await serve(manager)
    const { socket, until } = await sendRaw(portOf(server), get('/plain'))
    await until('plain')
    socket.write(get('/events'))
    await until('rivulet:open')
  })
})

/** An HTTP/2 server, and a client behind a proxy that passes nothing on after `stopReading`. */
async function serveHttp2(manager: EventManager<Events>, settings = {}, clientEndsToo = true) {
  const server = createSecureServer(certificate, (request, response) => {
    if (request.url === '/events') void handleEventStream(manager, request, response)
    else response.end('plain')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const pairs: { near: Socket; far: Socket }[] = []
  const proxy = createTcpServer({ allowHalfOpen: true }, (near) => {
    const far = connectTcp({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true })
    pairs.push({ near, far })
    near.pipe(far, { end: true }).on('error', () => {})
    far.pipe(near, { end: clientEndsToo }).on('error', () => {})
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const session = connectHttp2('https://localhost', {
    settings,
    createConnection: () =>
      connectTls({
        port: portOf(proxy),
        host: '127.0.0.1',
        ca: certificate.cert,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
      }),
  })
  session.on('error', () => {})
  onTestFinished(() => {
    session.destroy()
    for (const { near, far } of pairs) near.destroy() && far.destroy()
    proxy.close()
    server.close()
  })
  return {
    server,
    session,
    async open() {
      const stream = session.request({ ':path': '/events' })
      stream.on('error', () => {})
      await once(stream, 'response')
      return stream
    },
    stopReading: () => {
      for (const { near, far } of pairs) far.unpipe(near).pause()
    },
  }
}

describe('what is written together', () => {
  /** More than the socket's high water mark. */
  const payload = new Payload(`:${'x'.repeat(30_000)}\n\n`)

  /** Opens a stream whose first bytes are written together. @param prepare Gets its socket before. */
  async function openTogether(prepare: (socket: Socket) => void = () => {}) {
    const drained = vi.fn()
    let open: (result: { wrote: boolean; took: boolean }) => void
    const opened = new Promise<{ wrote: boolean; took: boolean }>((resolve) => {
      open = resolve
    })
    // Without it the mark of newer versions is above the payload.
    const server = createServer({ highWaterMark: 16_384 }, (_, response) => {
      const sink = new NodeSink(response)
      sink.attach({ onDrain: drained, onClose: () => {} })
      prepare(response.socket!)
      let wrote = false
      const took = sink.together(() => {
        sink.open()
        wrote = sink.write(payload)
      })
      open({ wrote, took })
    })
    await listen(server)
    const { until } = await sendRaw(portOf(server), get('/'))
    return { ...(await opened), until, drained }
  }

  it('is no backlog if the system takes all of it', async () => {
    const { wrote, took, until, drained } = await openTogether()
    expect([wrote, took]).toEqual([true, true])
    await until('x\n\n')
    expect(drained).not.toHaveBeenCalled()
  })

  it('is a backlog until the system takes it', async () => {
    let send = () => {}
    const { wrote, took, until, drained } = await openTogether((socket) => {
      const writev = socket._writev!.bind(socket)
      socket._writev = (...args) => {
        send = () => writev(...args)
      }
    })
    expect([wrote, took]).toEqual([true, false])
    send()
    await until('x\n\n')
    await vi.waitFor(() => expect(drained).toHaveBeenCalledOnce())
  })
})

describe('whatever a socket does, close() resolves in time, and so does server.close()', () => {
  /** Shuts down in the order that the guide gives. */
  async function shutDown(manager: EventManager<Events>, server: Server | Http2SecureServer): Promise<void> {
    await manager.close({ graceMs: 20 })
    await new Promise<unknown>((resolve) => server.close(resolve))
  }

  const large = { message: 'x'.repeat(1_000_000) }

  it.each<[name: string, request: string, act: (client: RawClient) => unknown]>([
    ['reads nothing', get('/events'), ({ socket }) => socket.pause()],
    ['ends its side alone', get('/events'), ({ socket }) => socket.end()],
    ['never ends its side', get('/events'), ({ socket }) => socket.pause()],
    ['never ends its body', 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx', () => {}],
    [
      'asks for leave to send a body, and sends none',
      'POST /events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
      () => {},
    ],
    [
      'asks for another protocol',
      get('/events').replace('\r\n\r\n', '\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
      () => {},
    ],
    ['sends more requests', get('/events') + get('/plain') + get('/events').repeat(20), () => {}],
    ['goes on sending', get('/events'), ({ socket }) => void setInterval(() => socket.write(get('/plain')), 5).unref()],
    ['speaks HTTP/1.0', 'GET /events HTTP/1.0\r\n\r\n', () => {}],
  ])('of HTTP/1.1 that %s', async (_, request, act) => {
    const manager = createManager()
    const server = await serve(manager)
    const client = await sendRaw(portOf(server), request, { allowHalfOpen: true })
    await client.until('rivulet:open')
    await act(client)
    for (let count = 0; count < 20; count++) await manager.publish('log', large)
    await shutDown(manager, server)
  })

  it.each([
    ['whose window is closed', { initialWindowSize: 0 }, true, false],
    ['whose connection takes nothing', { initialWindowSize: 2 ** 31 - 1 }, true, true],
    ['that does not end its side', {}, false, false],
  ])('of HTTP/2 %s', async (_, settings, clientEndsToo, stops) => {
    const manager = createManager()
    const { server, open, stopReading } = await serveHttp2(manager, settings, clientEndsToo)
    const stream = await open()
    if (stops) stopReading()
    else if (!clientEndsToo) stream.resume()
    for (let count = 0; count < 20; count++) await manager.publish('log', large)
    await shutDown(manager, server)
  })

  it('of HTTP/2 that is refused while its window is closed', async () => {
    const manager = createManager()
    const { server, open } = await serveHttp2(manager, { initialWindowSize: 0 })
    const first = await open()
    const closing = manager.close({ graceMs: 4_000 })
    const second = await open()
    expect(second.sentHeaders[':path']).toBe('/events')
    first.close()
    await closing
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
})
