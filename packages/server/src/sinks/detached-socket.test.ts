import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Agent, createServer, IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { PerformanceObserver } from 'node:perf_hooks'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { certificate } from '../../test/certificate.js'
import { heapInUse } from '../../test/heap.js'
import { sendRaw } from '../../test/raw-client.js'
import { events } from '../../test/served.js'
import { controlEventsOf, dataOf, listen, openStream } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import { NodeSink } from './node-sink.js'
import { Payload } from './payload.js'

type Served = { request: IncomingMessage; response: ServerResponse; socket: Socket }

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const portOf = (server: Server) => (server.address() as AddressInfo).port
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`

/** True if Node.js has a parser for a connection. */
const hasParser = (socket: Socket) => Boolean((socket as { parser?: unknown }).parser)

/**
 * A server with a stream at every path but `/plain`.
 *
 * @param prepare Called before a request is handled.
 */
async function start(prepare: (served: Served) => void = () => {}, server: Server = createServer()) {
  const onError = vi.fn()
  const manager = new EventManager({ events, heartbeat: false, retention: { maxBytes: 67_108_864 }, onError })
  onTestFinished(() => manager.close())
  const handle: RequestListener = (request, response) => {
    if (request.url === '/plain') return void response.end('plain')
    prepare({ request, response, socket: request.socket })
    void handleEventStream(manager, request, response)
  }
  const url = await listen(server.on('request', handle))
  return { manager, server, url, onError, publish: (message: string) => manager.publish('log', { message }) }
}

/** A server that has answered one stream, and what it was answered with. */
async function startStream(more = '', prepare: (served: Served) => void = () => {}) {
  let served: Served | undefined
  const started = await start((last) => {
    served = last
    prepare(last)
  })
  const client = await sendRaw(portOf(started.server), get('/', more))
  await client.until('rivulet:open')
  await turn()
  return { ...started, client, ...served! }
}

/** Ends a stream whose client has ended its side. */
async function endAfterClient({ manager, client, socket }: Awaited<ReturnType<typeof startStream>>): Promise<void> {
  client.socket.end()
  await vi.waitFor(() => expect(socket.writable).toBe(false))
  manager.disconnect(() => true, 'enough')
}

describe('an open stream', () => {
  it('has no parser, request and response', async () => {
    const gone = vi.fn()
    const registry = new FinalizationRegistry(gone)
    let connection: Socket | undefined
    const { server, publish } = await start(({ request, response, socket }) => {
      registry.register(request, 'request')
      registry.register(response, 'response')
      connection = socket
    })
    const { until } = await sendRaw(portOf(server), get('/'))
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(false)
    await vi.waitFor(async () => {
      await heapInUse()
      expect(gone).toHaveBeenCalledTimes(2)
    })
    await publish('later')
    await until('later')
  })

  it('has them as long as its body is not read', async () => {
    let connection: Socket | undefined
    const { server, manager } = await start(({ socket }) => {
      connection = socket
    })
    const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n'
    const { until, socket } = await sendRaw(portOf(server), `${head}x`)
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(true)
    socket.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  })

  it.each<[who: string, listen: (served: Served, told: () => void) => void]>([
    ['the close of the response', ({ response }, told) => response.on('close', told)],
    ['the end of the response', ({ response }, told) => response.on('finish', () => {}).req.on('close', told)],
    ['the close of the request', ({ request }, told) => request.on('close', told)],
    [
      'all events of a response',
      ({ response }, told) => {
        const { emit } = response
        response.emit = (...args: unknown[]) => {
          if (args[0] === 'close') told()
          return emit.apply(response, args as never)
        }
      },
    ],
    [
      'all events of a request',
      ({ request }, told) => {
        const { emit } = request
        request.emit = (...args: unknown[]) => {
          if (args[0] === 'close') told()
          return emit.apply(request, args as never)
        }
      },
    ],
    [
      'the destruction of the request',
      ({ request }, told) => {
        const { destroy } = request
        request.destroy = (error) => {
          told()
          return destroy.call(request, error)
        }
      },
    ],
  ])('has them if someone listens to %s', async (_, listenTo) => {
    const told = vi.fn()
    let connection: Socket | undefined
    const { server } = await start((served) => {
      connection = served.socket
      listenTo(served, told)
    })
    const { socket, until } = await sendRaw(portOf(server), get('/'))
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(true)
    socket.destroy()
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce())
  })

  it.each<[what: string, prepare: (served: Served) => void]>([
    [
      'the end of the response is wrapped',
      ({ response }) => Object.assign(response, { end: response.end.bind(response) }),
    ],
    [
      'the response is wrapped as soon as it is open',
      ({ response }) => {
        const { flushHeaders } = response
        response.flushHeaders = () => {
          flushHeaders.call(response)
          queueMicrotask(() => Object.assign(response, { write: response.write.bind(response) }))
        }
      },
    ],
    ['Node.js traces the response', ({ response }) => Object.assign(response, { _traceEventId: 1 })],
    [
      'the server lets clients end their side',
      ({ socket }) => Object.assign((socket as never as { server: object }).server, { httpAllowHalfOpen: true }),
    ],
    [
      'the server counts requests',
      ({ socket }) => Object.assign((socket as never as { server: object }).server, { maxRequestsPerSocket: 5 }),
    ],
    [
      'Node.js has another parser',
      ({ socket }) => {
        const { parser } = socket as never as { parser: { close?: unknown } }
        parser.close = undefined
        // Node.js uses it again.
        onTestFinished(() => void delete parser.close)
      },
    ],
    [
      'Node.js has another listener',
      ({ socket }) => void socket.removeListener('drain', socket.listeners('drain')[0] as () => void),
    ],
    [
      'the connection is of another class',
      ({ socket }) => Object.setPrototypeOf(socket, Object.create(Object.getPrototypeOf(socket))),
    ],
  ])('has them if %s', async (_, prepare) => {
    let connection: Socket | undefined
    const { server, publish, manager } = await start((served) => {
      connection = served.socket
      prepare(served)
    })
    const { until } = await sendRaw(portOf(server), get('/'))
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(true)
    await publish('hello')
    await until('hello')
    manager.disconnect(() => true, 'enough')
    await until('\r\n0\r\n\r\n')
  })

  it('has them if someone measures all responses', async () => {
    const finished = vi.fn()
    subscribe('http.server.response.finish', finished)
    onTestFinished(() => void unsubscribe('http.server.response.finish', finished))
    const { manager, client, socket } = await startStream()
    expect(hasParser(socket)).toBe(true)
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(finished).toHaveBeenCalledOnce())
  })

  it('has them if someone measures the time of responses', async () => {
    const measured: PerformanceEntryList = []
    const observer = new PerformanceObserver((list) => void measured.push(...list.getEntries()))
    observer.observe({ entryTypes: ['http' as never] })
    onTestFinished(() => observer.disconnect())
    const { manager, client, socket } = await startStream()
    expect(hasParser(socket)).toBe(true)
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(measured.map(({ name }) => name)).toContain('HttpRequest'))
  })

  it.runIf('signal' in IncomingMessage.prototype)('has them if someone has the signal of the request', async () => {
    let connection: Socket | undefined
    let signal: AbortSignal | undefined
    const { server } = await start(({ request, socket }) => {
      connection = socket
      signal = (request as { signal?: AbortSignal }).signal
    })
    const { socket, until } = await sendRaw(portOf(server), get('/'))
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(true)
    socket.destroy()
    await vi.waitFor(() => expect(signal!.aborted).toBe(true))
  })

  it('has them over TLS', async () => {
    let connection: Socket | undefined
    const { server, publish } = await start(({ socket }) => {
      connection = socket
    }, createSecureServer(certificate))
    const socket = connectTls({ port: portOf(server), host: '127.0.0.1', rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write(get('/'))
    await vi.waitFor(() => expect(text).toContain('rivulet:open'))
    await turn()
    expect(hasParser(connection!)).toBe(true)
    await publish('hello')
    await vi.waitFor(() => expect(text).toContain('hello'))
  })
})

describe('a server ends the connections of streams', () => {
  it('with closeAllConnections', async () => {
    const { server, client, manager, socket } = await startStream()
    expect(hasParser(socket)).toBe(false)
    const closed = once(client.socket, 'close')
    server.closeAllConnections()
    await closed
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, closed: 1 }))
  })

  it('but not with closeIdleConnections, unless they have ended', async () => {
    const { server, client, publish, manager } = await startStream()
    server.closeIdleConnections()
    await publish('still there')
    await client.until('still there')
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await turn()
    server.closeIdleConnections()
    await once(client.socket, 'close')
  })

  it('with close, after the streams have ended', async () => {
    const { server, client, manager } = await startStream()
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await turn()
    await new Promise((resolve) => server.close(resolve))
    await manager.close()
  })

  it('after the keep-alive timeout, if the client sends nothing more', async () => {
    const { server, client, manager } = await startStream()
    Object.assign(server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 1 })
    manager.disconnect(() => true, 'enough')
    await once(client.socket, 'end')
  })
})

describe('after a stream has ended', () => {
  it('its connection is used for further requests', async () => {
    const parsers: boolean[] = []
    const { manager, url, publish } = await start(
      ({ socket }) =>
        void turn()
          .then(turn)
          .then(() => parsers.push(hasParser(socket))),
    )
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const ports = new Set<number>()
    for (let round = 0; round < 4; round++) {
      const client = await openStream(url, { agent })
      await client.received(1)
      await publish(`event ${round}`)
      await client.until(({ data }) => data.includes(`event ${round}`))
      ports.add(client.response.socket.localPort!)
      manager.disconnect(() => true, 'enough')
      await client.ended
      expect(client.response.complete).toBe(true)
      const plain = await openStream(`${url}/plain`, { agent })
      await plain.ended
      ports.add(plain.response.socket?.localPort ?? [...ports][0]!)
    }
    expect(ports.size).toBe(1)
    expect(parsers).toEqual([false, false, false, false])
  })

  it.each([
    ['listens', true],
    ['does not listen', false],
  ])('the timeout of the server counts again, if the application %s', async (_, listens) => {
    const { manager, server, client, socket } = await startStream('', ({ response }) => {
      if (listens) response.on('close', () => {})
    })
    expect(hasParser(socket)).toBe(listens)
    Object.assign(server, { keepAliveTimeout: 0, timeout: 100_000 })
    expect(socket.timeout).toBe(0)
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(socket.timeout).toBe(100_000))
    client.socket.write(get('/plain'))
    await client.until('plain')
    expect(socket.timeout).toBe(100_000)
  })

  it.each([
    ['listens', true],
    ['does not listen', false],
  ])('the keep-alive timeout counts first, if the application %s', async (_, listens) => {
    const { manager, server, client, socket } = await startStream('', ({ response }) => {
      if (listens) response.on('close', () => {})
    })
    Object.assign(server, { keepAliveTimeout: 50_000, timeout: 100_000 })
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(socket.timeout).toBeGreaterThan(0))
    await turn()
    expect(socket.timeout).toBeLessThan(100_000)
  })

  it('a request runs in the async context of the server, not in that of the stream', async () => {
    const storage = new AsyncLocalStorage<string>()
    const stores: unknown[] = []
    const manager = new EventManager({ events, heartbeat: false })
    onTestFinished(() => manager.close())
    const server = createServer((request, response) => {
      stores.push(storage.getStore())
      storage.run('request', () => {
        if (request.url === '/plain') response.end('plain')
        else void handleEventStream(manager, request, response)
      })
    })
    await storage.run('server', () => listen(server))
    const client = await sendRaw(portOf(server), get('/'))
    await client.until('rivulet:open')
    await turn()
    storage.run('publisher', () => manager.disconnect(() => true, 'enough'))
    await client.until('\r\n0\r\n\r\n')
    client.socket.write(get('/plain'))
    await client.until('plain')
    expect(stores).toEqual(['server', 'server'])
  })

  it('a request has as long for its answer as any other', async () => {
    const { manager, server, client } = await startStream()
    Object.assign(server, { keepAliveTimeout: 20, keepAliveTimeoutBuffer: 1 })
    server.removeAllListeners('request')
    server.on('request', (_, response) => void sleep(1_200).then(() => response.end('slow')))
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    client.socket.write(get('/slow'))
    await client.until('slow')
  })

  it.each([
    ['asked for that', 'Connection: close\r\n'],
    ['speaks HTTP/1.0', undefined],
  ])('its connection ends if the client %s', async (_, more) => {
    const { server, manager } = await start()
    const { socket, until } = await sendRaw(portOf(server), more ? get('/', more) : 'GET / HTTP/1.0\r\n\r\n')
    const ended = once(socket, 'end')
    await until('rivulet:open')
    await turn()
    manager.disconnect(() => true, 'enough')
    expect(await until('rivulet:close')).toContain('Connection: close')
    await ended
  })

  it.each([
    ['another request', '', get('/plain')],
    ['the end of another request, whose beginning came before', get('/plain').slice(0, 9), get('/plain').slice(9)],
    ['the beginning of another request', get('/plain').slice(0, 9), ''],
  ])('its connection ends if the client has sent %s', async (_, before, after) => {
    let connection: Socket | undefined
    const { manager, server } = await start(({ socket }) => {
      connection = socket
    })
    const { socket, until } = await sendRaw(portOf(server), get('/') + before)
    const ended = once(socket, 'end')
    await until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(false)
    const read = connection!.bytesRead
    socket.write(after)
    await vi.waitFor(() => expect(connection!.bytesRead).toBe(read + after.length))
    manager.disconnect(() => true, 'enough')
    await ended
    expect(await until('\r\n0\r\n\r\n')).not.toContain('plain')
  })
})

it('leaves no listener behind on a connection with many streams', async () => {
  const { server, manager } = await start(({ request, response }) => {
    // The application uses each of them when it is open.
    setTimeout(() => {
      response.on('close', () => {})
      request.on('close', () => {})
    })
  })
  let connection: Socket | undefined
  server.on('connection', (socket) => {
    connection = socket
  })
  const counts = () => connection!.eventNames().map((name) => [name, connection!.listenerCount(name)])
  const { socket, until } = await sendRaw(portOf(server), '')
  const round = async (number: number) => {
    socket.write(get(`/?lastEventId=${number}`))
    await vi.waitFor(() => expect(manager.connections.size).toBe(1))
    await sleep(5)
    manager.disconnect(() => true, `enough ${number}.`)
    await until(`enough ${number}.`)
    await vi.waitFor(() => expect(connection!.eventNames()).toContain('data'))
    await sleep(5)
    return counts()
  }
  const first = await round(1)
  for (let number = 2; number < 8; number++) await round(number)
  expect(await round(8)).toEqual(first)
})

it.each([
  ['still has', true],
  ['does not have', false],
])(
  'is not ended by its sink once it waits for another request, if the application %s the response',
  async (_, keeps) => {
    let sink: NodeSink | undefined
    const kept: ServerResponse[] = []
    const server = createServer((request, response) => {
      if (request.url === '/plain') return response.end('plain')
      if (keeps) kept.push(response)
      sink = new NodeSink(response)
      sink.attach({ onClose: () => {}, onDrain: () => {} })
      sink.open()
      return sink.write(new Payload(': open\n\n'))
    })
    await listen(server)
    const client = await sendRaw(portOf(server), get('/'))
    await client.until(': open')
    await turn()
    await heapInUse()
    sink!.end(false)
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(sink!.closed).toBe(true))
    await turn()
    sink!.destroy(true)
    client.socket.write(get('/plain'))
    await client.until('plain')
  },
)

it('gives whoever listens to a connection every byte once', async () => {
  const { server, manager } = await start()
  let connection: Socket | undefined
  let received = 0
  server.on('connection', (socket) => {
    connection = socket.on('data', ({ length }) => {
      received += length
    })
  })
  const client = await sendRaw(portOf(server), get('/'))
  await client.until('rivulet:open')
  await turn()
  expect(hasParser(connection!)).toBe(false)
  manager.disconnect(() => true, 'enough')
  await client.until('\r\n0\r\n\r\n')
  client.socket.write(get('/plain'))
  await client.until('plain')
  expect(received).toBe(get('/').length + get('/plain').length)
})

describe('a client', () => {
  it('that goes on sending gets its events, and makes no memory grow', async () => {
    const { client, publish, socket } = await startStream()
    const before = await heapInUse()
    const junk = Buffer.alloc(1_000_000, 'GET /plain HTTP/1.1\r\n\r\n')
    for (let count = 0; count < 50; count++) {
      if (!client.socket.write(junk)) await once(client.socket, 'drain')
    }
    await vi.waitFor(() => expect(socket.bytesRead).toBeGreaterThan(50_000_000))
    expect((await heapInUse()) - before).toBeLessThan(2_000_000)
    expect(socket.readableLength).toBe(0)
    await publish('hello')
    await client.until('hello')
  })

  it.each<[how: string, leave: (socket: Socket) => void, junk: number]>([
    ['ends its side', (socket) => socket.end(), 0],
    ['resets the connection', (socket) => socket.resetAndDestroy(), 0],
    ['ends its side after other bytes', (socket) => socket.end(), 100_000],
    ['resets the connection after other bytes', (socket) => socket.resetAndDestroy(), 100_000],
  ])('that %s is gone', async (_, leave, junk) => {
    const { client, manager, server, socket } = await startStream()
    const failed = vi.fn((_error: Error, connection: Socket) => connection.destroy())
    server.on('clientError', failed)
    client.socket.write('x'.repeat(junk))
    await vi.waitFor(() => expect(socket.bytesRead).toBeGreaterThanOrEqual(junk))
    leave(client.socket)
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, closed: 1 }))
    await vi.waitFor(() => expect(socket.closed).toBe(true))
    expect(failed.mock.calls.map(([error]) => (error as NodeJS.ErrnoException).code)).toEqual(
      leave.toString().includes('reset') ? ['ECONNRESET'] : [],
    )
  })

  it('that has ended its side, and reads nothing, is gone when its stream ends', async () => {
    const { client, manager, publish, server, socket } = await startStream()
    const failed = vi.fn()
    server.on('clientError', failed)
    client.socket.pause()
    for (let count = 0; count < 40; count++) await publish(`${count} ${'x'.repeat(200_000)}`)
    client.socket.end()
    await vi.waitFor(() => expect(socket.writableEnded).toBe(true))
    manager.disconnect(() => true, 'enough')
    await vi.waitFor(() => expect(socket.closed).toBe(true))
    expect(failed).not.toHaveBeenCalled()
  })

  it.each([
    ['with', true],
    ['without', false],
  ])('that ends its side just before its stream ends is gone without an error, %s a parser', async (_, listens) => {
    let connection: Socket | undefined
    const { manager, server, publish } = await start(({ socket, response }) => {
      connection = socket
      if (listens) response.on('close', () => {})
    })
    const failed = vi.fn()
    server.on('clientError', failed)
    const client = await sendRaw(portOf(server), get('/'))
    await client.until('rivulet:open')
    await turn()
    expect(hasParser(connection!)).toBe(listens)
    // Nothing is left of the response then.
    await heapInUse()
    connection!.on('end', () => {
      expect(connection!.writable).toBe(false)
      void publish('too late')
      manager.disconnect(() => true, 'enough')
    })
    client.socket.end()
    await vi.waitFor(() => expect(connection!.closed).toBe(true))
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    expect(failed).not.toHaveBeenCalled()
  })

  it('that reads slowly gets everything', async () => {
    const { client, publish, manager } = await startStream()
    client.socket.pause()
    for (let count = 0; count < 200; count++) await publish(`${count} ${'x'.repeat(50_000)}`)
    expect([...manager.connections.values()][0]).toMatchObject({ state: 'lagging' })
    client.socket.resume()
    const text = await client.until('"199 ')
    expect(text.match(/"message":"\d+ /g)).toHaveLength(200)
  })
})

/** Puts a function around a method, as middleware does. It tells of each call, or only of those with this first argument. */
function wrapMethod(object: object, name: string, told: () => void, first?: string): void {
  const methods = object as Record<string, (...args: unknown[]) => unknown>
  const method = methods[name]!
  methods[name] = (...args) => {
    if (first === undefined || args[0] === first) told()
    return method.apply(object, args)
  }
}

describe('an application that uses the response later', () => {
  it('is told of its close, and of that of the request', async () => {
    const { client, response, request, socket } = await startStream()
    expect(hasParser(socket)).toBe(false)
    expect(response.socket).toBe(socket)
    const told: string[] = []
    response.on('close', () => told.push('response'))
    request.on('aborted', () => told.push('aborted')).on('close', () => told.push('request'))
    client.socket.destroy()
    await vi.waitFor(() => expect(told).toEqual(['aborted', 'response', 'request']))
    expect(response.destroyed).toBe(true)
    expect(response.writableFinished).toBe(false)
  })

  it('is told of its end, and the connection is used again', async () => {
    const { client, response, manager } = await startStream()
    const told: string[] = []
    response.on('finish', () => told.push('finish')).on('close', () => told.push('close'))
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(told).toEqual(['finish', 'close']))
    expect(manager.stats()).toMatchObject({ connections: 0 })
    client.socket.write(get('/plain'))
    await client.until('plain')
  })

  it('writes to the stream', async () => {
    const { client, response, publish } = await startStream()
    response.write(': own words\n\n')
    await publish('hello')
    expect(await client.until('hello')).toMatch(/\r\nd\r\n: own words\n\n\r\n[\s\S]*hello/)
    const drained = once(response, 'drain')
    response.write('x'.repeat(10_000_000))
    await drained
  })

  it.each<[how: string, end: (response: ServerResponse) => void, complete: boolean]>([
    ['ends', (response) => void response.end(), true],
    ['destroys', (response) => void response.destroy(), false],
  ])('%s the stream', async (_, end, complete) => {
    const { client, response, manager, publish } = await startStream()
    await publish('before')
    const closed = once(client.socket, 'close')
    end(response)
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, closed: 1 }))
    if (!complete) return void (await closed)
    await client.until('\r\n0\r\n\r\n')
    client.socket.write(get('/plain'))
    await client.until('plain')
  })

  it.each<[how: string, end: (started: Awaited<ReturnType<typeof startStream>>) => void, ended: boolean]>([
    ['was ended', ({ manager }) => void manager.disconnect(() => true, 'enough'), true],
    ['was left', ({ client }) => void client.socket.destroy(), false],
  ])('sees if it %s, though it did not listen', async (_, end, ended) => {
    const started = await startStream()
    const { response, request, socket } = started
    end(started)
    await (ended ? started.client.until('\r\n0\r\n\r\n') : once(socket, 'close'))
    await turn()
    const { destroyed, closed, writableEnded, writableFinished } = response
    expect({ destroyed, closed, writableEnded, writableFinished }).toEqual({
      destroyed: true,
      closed: true,
      writableEnded: ended,
      writableFinished: ended,
    })
    expect(response.socket === (ended ? null : socket)).toBe(true)
    await vi.waitFor(() => expect(request.destroyed).toBe(true))
    expect(request.aborted).toBe(!ended)
  })

  describe.each([
    ['listened before', true],
    ['did not listen', false],
  ])('if it %s, while the end of the stream is not sent yet,', (_, listens) => {
    async function startEnding() {
      const started = await startStream('', ({ response }) => {
        if (listens) response.on('close', () => {})
      })
      const { client, response, manager, publish, socket } = started
      expect(hasParser(socket)).toBe(listens)
      client.socket.pause()
      await publish('x'.repeat(8_000_000))
      manager.disconnect(() => true, 'enough')
      const told: string[] = []
      const { destroyed, writableEnded, writableFinished } = response
      expect({ destroyed, writableEnded, writableFinished }).toEqual({
        destroyed: false,
        writableEnded: true,
        writableFinished: false,
      })
      response.on('finish', () => told.push('finish')).on('close', () => told.push('close'))
      response.end(() => told.push('end'))
      return { ...started, told }
    }

    it('is told when it is', async () => {
      const { client, response, request, told } = await startEnding()
      client.socket.resume()
      await client.until('\r\n0\r\n\r\n')
      await vi.waitFor(() => expect(told.sort()).toEqual(['close', 'end', 'finish']))
      expect(response.writableFinished).toBe(true)
      expect(request.aborted).toBe(false)
      client.socket.write(get('/plain'))
      await client.until('plain')
    })

    it('is told if the client leaves', async () => {
      const { client, request, told } = await startEnding()
      client.socket.destroy()
      await vi.waitFor(() => expect(told).toContain('close'))
      // Some versions of Node.js finish it, because the connection drops what is not sent.
      expect(request.aborted).toBe(!told.includes('finish'))
    })
  })

  it('is told of the end of the request when the stream ends', async () => {
    const { request, manager, client } = await startStream()
    const told: string[] = []
    for (const event of ['aborted', 'error', 'close']) request.on(event, () => told.push(event))
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await vi.waitFor(() => expect(told).toEqual(['close']))
  })

  it.each<[what: string, use: (response: ServerResponse) => void]>([
    ['destroys', (response) => response.destroy()],
    ['destroys the socket of', (response) => response.socket?.destroy()],
    ['ends', (response) => response.end()],
    ['writes to', (response) => response.write('late')],
  ])('%s an ended stream, and leaves the next request alone', async (_, use) => {
    const { manager, server, client, response } = await startStream()
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    server.removeAllListeners('request')
    server.on('request', (_request, next) => {
      use(response)
      next.end('next')
    })
    client.socket.write(get('/next'))
    expect(await client.until('next')).not.toContain('late')
  })

  it('adds trailers', async () => {
    const { client, response, manager } = await startStream()
    response.addTrailers({ 'x-count': '1' })
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\nx-count: 1\r\n\r\n')
  })

  it('is told of its close after it has removed all listeners', async () => {
    const { client, response } = await startStream()
    response.removeAllListeners()
    const closed = vi.fn()
    response.on('close', closed)
    client.socket.destroy()
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce())
  })

  it.each<[how: string, end: (started: Awaited<ReturnType<typeof startStream>>) => unknown]>([
    ['was sent', ({ manager }) => manager.disconnect(() => true, 'enough')],
    ['was left', ({ client }) => client.socket.destroy()],
  ])('is not told again of what happened before, if its stream %s', async (_, end) => {
    const started = await startStream()
    const { request, response, manager } = started
    end(started)
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, closed: 1 }))
    await turn()
    const told: string[] = []
    for (const event of ['end', 'error', 'aborted', 'close']) request.on(event, () => told.push(event))
    for (const event of ['finish', 'error', 'close']) response.on(event, () => told.push(event))
    for (let count = 0; count < 5; count++) await turn()
    expect(told).toEqual([])
  })

  it.each<[how: string, end: (started: Awaited<ReturnType<typeof startStream>>) => unknown, ended: boolean]>([
    ['was sent', ({ manager }) => manager.disconnect(() => true, 'enough'), true],
    ['was left', ({ client }) => client.socket.destroy(), false],
  ])('finds nothing to read in a request whose stream %s', async (_, end, ended) => {
    for (const look of [
      (request: IncomingMessage) => request.readable,
      (request: IncomingMessage) => request.read() !== null,
    ]) {
      const started = await startStream()
      const { request, manager, client } = started
      end(started)
      await vi.waitFor(() => expect(manager.connections.size).toBe(0))
      await (ended ? client.until('\r\n0\r\n\r\n') : vi.waitFor(() => expect(started.socket.closed).toBe(true)))
      await turn()
      expect(look(request)).toBe(false)
      await turn()
      expect([request.readableEnded, request.readableAborted, request.aborted]).toEqual([ended, !ended, !ended])
    }
  })

  it('reads the end of a request whose stream was sent', async () => {
    const { request, manager, client } = await startStream()
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await turn()
    await once(request.pipe(new PassThrough()), 'finish')
  })

  it.runIf('signal' in IncomingMessage.prototype)('has a signal that is not aborted after the end', async () => {
    const { request, manager, client, socket } = await startStream()
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    await turn()
    const { signal } = request as unknown as { signal: AbortSignal }
    client.socket.destroy()
    await vi.waitFor(() => expect(socket.closed).toBe(true))
    expect(signal.aborted).toBe(false)
  })

  it.each<[when: string, end: (started: Awaited<ReturnType<typeof startStream>>) => Promise<unknown>, late: boolean]>([
    [
      'was destroyed before its end was sent',
      async ({ manager, server }) => {
        manager.disconnect(() => true, 'enough')
        await turn()
        server.closeAllConnections()
      },
      true,
    ],
    [
      'was ended by its client before its end was sent',
      async ({ manager, client, socket }) => {
        manager.disconnect(() => true, 'enough')
        await turn()
        client.socket.end()
        await vi.waitFor(() => expect(socket.writable).toBe(false))
      },
      false,
    ],
    ['was ended by its client before it was ended', endAfterClient, false],
    ['was ended by its client before it was ended, and is closed', endAfterClient, true],
  ])('sees what it sees with a parser if the connection %s', async (_, end, late) => {
    const seen: object[] = []
    for (const listens of [true, false]) {
      const started = await startStream('', ({ response }) => {
        if (listens) response.on('close', () => {})
      })
      const { client, publish, request, response, socket } = started
      expect(hasParser(socket)).toBe(listens)
      client.socket.pause()
      for (let count = 0; count < 40; count++) await publish(`${count} ${'x'.repeat(200_000)}`)
      await end(started)
      const look = () => ({
        ...{ destroyed: response.destroyed, finished: response.writableFinished, has: response.socket === socket },
        ...{ aborted: request.aborted, gone: request.destroyed, read: request.readableEnded },
      })
      const first = late || look()
      client.socket.destroy()
      await vi.waitFor(() => expect(socket.closed).toBe(true))
      await turn()
      seen.push([first, look()])
    }
    expect(seen[1]).toEqual(seen[0])
  })

  it.each<[phase: string, prepare: (started: Awaited<ReturnType<typeof startStream>>) => unknown]>([
    ['of an open stream', () => {}],
    [
      'of a stream that has ended, but is not sent',
      async ({ client, publish, manager }) => {
        client.socket.pause()
        await publish('x'.repeat(9_000_000))
        manager.disconnect(() => true, 'enough')
      },
    ],
  ])('sees what it sees with a parser around the close of a destroyed connection %s', async (_, prepare) => {
    const waits = [() => {}, () => new Promise<void>((resolve) => process.nextTick(resolve)), () => turn().then(turn)]
    for (const wait of waits) {
      const seen: object[] = []
      for (const listens of [true, false]) {
        const started = await startStream('', ({ response }) => {
          if (listens) response.on('close', () => {})
        })
        const { request, response, socket } = started
        await prepare(started)
        await turn()
        const closed = once(socket, 'close')
        socket.destroy()
        await wait()
        const told: string[] = [`${response.destroyed} ${response.writableFinished} ${request.aborted}`]
        const onEnd = (error?: NodeJS.ErrnoException | null) => told.push(`end ${error?.code}`)
        if (response.writableEnded) response.end(onEnd)
        for (const event of ['finish', 'close']) response.on(event, () => told.push(`response ${event}`))
        for (const event of ['aborted', 'close']) request.on(event, () => told.push(`request ${event}`))
        await closed
        await turn()
        seen.push([...told, response.destroyed, response.writableFinished, request.aborted, request.destroyed])
      }
      expect(seen[1]).toEqual(seen[0])
    }
  })

  it('is told that the response has drained only if its own writing had filled it', async () => {
    const { client, response, publish, socket } = await startStream()
    client.socket.pause()
    await publish('x'.repeat(9_000_000))
    const drained = vi.fn()
    response.on('drain', drained)
    const free = once(socket, 'drain')
    client.socket.resume()
    await free
    expect(drained).not.toHaveBeenCalled()
    expect(response.write('x'.repeat(9_000_000))).toBe(false)
    expect(response.writableNeedDrain).toBe(true)
    await vi.waitFor(() => expect(drained).toHaveBeenCalledOnce())
    expect(response.writableNeedDrain).toBe(false)
  })

  it('keeps the prototype that a framework has given the response meanwhile', async () => {
    const { client, response } = await startStream()
    const prototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf(response)))
    Object.setPrototypeOf(response, prototype)
    const closed = once(response, 'close')
    expect(Object.getPrototypeOf(response)).toBe(prototype)
    expect(response.destroyed).toBe(false)
    client.socket.destroy()
    await closed
    expect(response.destroyed).toBe(true)
  })

  it('takes the response off its connection', async () => {
    const { response, socket } = await startStream()
    response.detachSocket(socket)
    expect(response.socket).toBeNull()
  })

  it('finds only listeners that it knows', async () => {
    for (const { request } of [await startStream(), await startStream()]) expect(request.eventNames()).toEqual([])
    const { request, response } = await startStream()
    expect([request.listenerCount('newListener'), response.listenerCount('newListener')]).toEqual([0, 0])
  })

  it('wraps its end', async () => {
    const { response, manager, client } = await startStream()
    const ended = vi.fn()
    wrapMethod(response, 'end', ended)
    manager.disconnect(() => true, 'enough')
    await client.until('\r\n0\r\n\r\n')
    expect(ended).toHaveBeenCalledOnce()
  })

  it.each<[what: string, wrap: (served: Served, told: () => void) => void, end: 'ended' | 'left']>([
    ['the end of a response', ({ response }, told) => wrapMethod(response, 'end', told), 'ended'],
    [
      'the end of a response by one of its own',
      ({ response }, told) => {
        const replacement = (...args: unknown[]) => {
          told()
          return Object.getPrototypeOf(response).end.apply(response, args)
        }
        response.end = replacement
      },
      'ended',
    ],
    ['the events of a response', ({ response }, told) => wrapMethod(response, 'emit', told, 'finish'), 'ended'],
    ['the events of a request', ({ request }, told) => wrapMethod(request, 'emit', told, 'close'), 'ended'],
    ['the destruction of a request', ({ request }, told) => wrapMethod(request, 'destroy', told), 'left'],
  ])('wraps %s, and keeps nothing else', async (_, wrap, end) => {
    const told = vi.fn()
    let wrapped = false
    let connection: Socket | undefined
    const { server, manager } = await start(async (served) => {
      connection = served.socket
      while (hasParser(connection)) await turn()
      wrap(served, told)
      wrapped = true
    })
    const { until, socket } = await sendRaw(portOf(server), get('/'))
    await until('rivulet:open')
    await vi.waitFor(() => expect(wrapped).toBe(true))
    await heapInUse()
    if (end === 'ended') manager.disconnect(() => true, 'enough')
    else socket.destroy()
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce())
  })

  it('wraps the destruction of a response, and keeps nothing else', async () => {
    let sink: NodeSink | undefined
    const told = vi.fn()
    let wrapped = false
    const server = createServer(async (_, response) => {
      sink = new NodeSink(response)
      sink.attach({ onClose: () => {}, onDrain: () => {} })
      sink.open()
      sink.write(new Payload(': open\n\n'))
      const { socket } = response
      while (hasParser(socket!)) await turn()
      wrapMethod(response, 'destroy', told)
      wrapped = true
    })
    await listen(server)
    const client = await sendRaw(portOf(server), get('/'))
    await client.until(': open')
    await vi.waitFor(() => expect(wrapped).toBe(true))
    await heapInUse()
    sink!.destroy()
    expect(told).toHaveBeenCalledOnce()
    await once(client.socket, 'close')
  })

  it('is told of a timeout of the response', async () => {
    const { response, publish, client } = await startStream()
    const timedOut = once(response, 'timeout')
    response.setTimeout(20)
    await timedOut
    await publish('still there')
    await client.until('still there')
  })

  it('ends a stream of which something is not sent yet, and nothing follows', async () => {
    const { response, publish, client, manager, server } = await startStream()
    // The client of this process may take longer to read than an idle connection stays.
    server.keepAliveTimeout = 0
    client.socket.pause()
    response.write('x'.repeat(6_000_000))
    response.end(': the end\n\n')
    await publish('too late')
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    client.socket.resume()
    await client.until(': the end\n\n\r\n0\r\n\r\n')
    client.socket.write(get('/plain'))
    expect(await client.until('\r\n\r\nplain')).not.toContain('too late')
  })

  it('is told of a timeout of the socket', async () => {
    const { client, response, manager } = await startStream()
    response.socket!.setTimeout(20)
    await once(client.socket, 'close')
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  })
})

it('opens and ends streams as they come', async () => {
  const { url, manager, publish, server } = await start()
  const clients = await Promise.all(Array.from({ length: 50 }, () => openStream(url)))
  await Promise.all(clients.map((client) => client.received(1)))
  await publish('hello')
  for (const client of clients) expect(dataOf(await client.received(2), 'log')).toMatchObject([{ message: 'hello' }])
  const closed = once(server, 'close')
  server.close()
  await manager.close()
  await closed
  await Promise.all(clients.map(({ ended }) => ended))
  for (const { messages, response } of clients) {
    expect(controlEventsOf(messages).at(-1)).toMatchObject({ reason: 'shutdown' })
    expect(response.complete).toBe(true)
  }
})
