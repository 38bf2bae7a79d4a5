import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer, type Server } from 'node:http'
import { connect as connectHttp2, createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { certificate } from '../../test/certificate.js'
import { sendRaw } from '../../test/raw-client.js'
import { controlEventsOf, dataOf, listen, openStream } from '../../test/stream-client.js'
import { sharedDeflate } from '../deflate.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import type { EventStreamOptions } from '../streams/stream-options.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

async function start(
  options: Partial<EventManagerOptions<typeof events>> = {},
  streamOptions: EventStreamOptions<unknown, undefined, typeof events> = {},
) {
  const onError = vi.fn()
  const manager = new EventManager({ events, onError, ...options })
  const server = createServer((request, response) => {
    if (request.url === '/plain') response.end('plain')
    else void handleEventStream(manager, request, response, streamOptions)
  })
  const url = await listen(server)
  onTestFinished(() => manager.close())
  return { manager, server, url, onError }
}

function port(server: Server): number {
  return (server.address() as AddressInfo).port
}

describe('a client that vanishes', () => {
  it.each<[how: string, leave: (socket: Socket) => void]>([
    ['by RST', (socket) => socket.resetAndDestroy()],
    ['by FIN', (socket) => socket.end()],
  ])('%s is forgotten, in the middle of a large write', async (_, leave) => {
    const { manager, server, url, onError } = await start()
    const other = await openStream(url)
    await other.received(1)
    const { socket, until } = await sendRaw(port(server), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('rivulet:open')
    for (let count = 0; count < 50; count++) {
      if (count === 25) leave(socket)
      await manager.publish('log', { message: `${count} ${'x'.repeat(10_000)}` })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(() => expect(manager.connections.size).toBe(1))
    expect(dataOf(await other.received(51), 'log')).toHaveLength(50)
    expect(onError).not.toHaveBeenCalled()
  })

  it('silently is cut when it reads nothing for too long', async () => {
    const limits = { stallTimeoutMs: 200, highWaterMarkBytes: 10_000 }
    const { manager, server } = await start({ limits })
    const { socket, until } = await sendRaw(port(server), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('rivulet:open')
    socket.pause()
    for (let count = 0; count < 100; count++) {
      await manager.publish('log', { message: 'x'.repeat(100_000) })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, stalled: 1 }), 10_000)
  })

  it('before it was let in leaves nothing behind', async () => {
    const manager = new EventManager({ events })
    let letIn = () => {}
    const admitted = new Promise<void>((resolve) => {
      letIn = resolve
    })
    let closed: Promise<unknown> | undefined
    const server = createServer((request, response) => {
      closed = once(response, 'close')
      void handleEventStream(manager, request, response, { authorize: () => admitted.then(() => true) })
    })
    await listen(server)
    const { socket } = await sendRaw(port(server), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(server, 'request')
    socket.destroy()
    await closed
    letIn()
    await new Promise((resolve) => setImmediate(resolve))
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, opened: 0 })
  })
})

describe('HTTP/1.1', () => {
  it('frames the stream so that the connection can be used again after it', async () => {
    const { manager, url } = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const first = await openStream(url, { agent })
    await first.received(1)
    await manager.publish('log', { message: 'Grüße' })
    await manager.publish('log', { message: 'x'.repeat(100_000) })
    await first.received(3)
    const { localPort } = first.response.socket
    manager.disconnect(() => true, 'enough')
    await first.ended
    expect(first.response.complete).toBe(true)
    const second = await openStream(url, { agent })
    await second.received(1)
    expect(second.response.socket.localPort).toBe(localPort)
    await manager.publish('log', { message: 'again' })
    expect(dataOf(await second.received(2), 'log')).toMatchObject([{ message: 'again' }])
  })

  it('keeps the order of pipelined requests', async () => {
    const { manager, server } = await start()
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const { until } = await sendRaw(port(server), request('/') + request('/plain'))
    await until('rivulet:open')
    await manager.publish('log', { message: 'first' })
    await until('first')
    manager.disconnect(() => true, 'enough')
    const text = await until('plain')
    expect(text.indexOf('rivulet:close')).toBeLessThan(text.lastIndexOf('HTTP/1.1 200'))
  })

  it('serves HTTP/1.0 without chunks', async () => {
    const { manager, server } = await start()
    const { until } = await sendRaw(port(server), 'GET / HTTP/1.0\r\n\r\n')
    await until('rivulet:open')
    await manager.publish('log', { message: '1' })
    expect(await until('"message":"1"')).toMatch(/\n\nid: \w+\nevent: log\ndata: \{"message":"1",[^\n]+\n\n$/)
  })
})

describe('a server', () => {
  it('closes as soon as the manager is closed, kept-alive connections included', async () => {
    const { manager, server, url } = await start()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const clients = await Promise.all([1, 2, 3].map(() => openStream(url, { agent })))
    await Promise.all(clients.map((client) => client.received(1)))
    const closed = once(server, 'close')
    server.close()
    await manager.close()
    await closed
    for (const { response } of clients) expect(response.complete).toBe(true)
  })

  it('with HTTP/2 closes too, and does not keep clients in its session', async () => {
    const manager = new EventManager({ events })
    const server = createSecureServer(certificate, (request, response) => {
      void handleEventStream(manager, request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`
    const session = connectHttp2(origin, { ca: certificate.cert })
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/' })
    await once(stream, 'response')
    stream.resume()
    const closed = [once(server, 'close'), once(session, 'close'), once(stream, 'end')]
    server.close()
    await manager.close()
    await Promise.all(closed)
  })

  it('with its own timeouts does not cut a stream', async () => {
    const { manager, server, url } = await start({ heartbeat: false })
    server.setTimeout(100)
    server.requestTimeout = 100
    server.headersTimeout = 100
    server.keepAliveTimeout = 100
    const client = await openStream(url)
    await client.received(1)
    // Longer than any of the timeouts: they run on the server's own timers.
    await new Promise((resolve) => setTimeout(resolve, 350))
    await manager.publish('log', { message: 'still there' })
    expect(dataOf(await client.received(2), 'log')).toMatchObject([{ message: 'still there' }])
  })
})

const hasNginx = spawnSync('nginx', ['-v']).status === 0

describe.skipIf(!hasNginx)('behind nginx with its defaults', () => {
  async function startNginx(upstream: number, extra = ''): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'rivulet-nginx-'))
    const holder = createServer()
    const free = Number(new URL(await listen(holder)).port)
    holder.close()
    const config = `
      daemon off; pid ${directory}/pid; error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path ${directory}; proxy_temp_path ${directory}; fastcgi_temp_path ${directory};
        uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
        gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;
        server { listen 127.0.0.1:${free}; location / { proxy_pass http://127.0.0.1:${upstream}; ${extra} } }
      }`
    await writeFile(join(directory, 'nginx.conf'), config)
    const nginx = spawn('nginx', ['-c', join(directory, 'nginx.conf')], { stdio: 'ignore' })
    onTestFinished(async () => {
      nginx.kill('SIGQUIT')
      nginx.kill('SIGTERM')
      await once(nginx, 'exit')
      await rm(directory, { recursive: true, force: true })
    })
    const url = `http://127.0.0.1:${free}`
    await vi.waitFor(async () => expect((await fetch(`${url}/plain`)).status).toBe(200), 5_000)
    return url
  }

  it('compressed events arrive at once, and nginx compresses nothing again', async () => {
    const { manager, server } = await start({}, { compression: sharedDeflate() })
    const url = await startNginx(port(server), 'proxy_http_version 1.1; proxy_set_header Connection "";')
    // Node's `fetch` accepts and decompresses deflate.
    const response = await fetch(url)
    expect(response.headers.get('content-encoding')).toBe('deflate')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const until = async (expected: string) => {
      while (!text.includes(expected)) text += (await reader.read()).value
    }
    await until('rivulet:open')
    for (let count = 1; count <= 50; count++) {
      await manager.publish('log', { message: `line ${count}` })
      await until(`line ${count}`)
    }
    await manager.close()
    while (!(await reader.read()).done);
  })

  it.each([
    ['HTTP/1.0 to the server', ''],
    ['HTTP/1.1 to the server', 'proxy_http_version 1.1; proxy_set_header Connection "";'],
  ])('each event arrives at once: %s', async (_, extra) => {
    const { manager, server } = await start()
    const url = await startNginx(port(server), extra)
    const client = await openStream(url, { headers: { 'Accept-Encoding': 'identity' } })
    await client.received(1)
    for (let count = 1; count <= 3; count++) {
      await manager.publish('log', { message: String(count) })
      await client.received(1 + count)
    }
    client.request.destroy()
    await vi.waitFor(() => expect(manager.connections.size).toBe(0))
    const { id } = await manager.publish('log', { message: '4' })
    await manager.publish('log', { message: '5' })
    const resumed = await openStream(url, { headers: { 'Last-Event-ID': id! } })
    expect(controlEventsOf(await resumed.received(2))).toMatchObject([{ recovered: true, replayed: 1 }])
    await manager.close()
    await resumed.ended
    expect(resumed.response.complete).toBe(true)
  })
})
