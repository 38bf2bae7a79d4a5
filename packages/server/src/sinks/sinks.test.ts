import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createSecureServer, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createDecoder, defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import { listen } from '../stream-client.test.util.js'
import type { EventStreamOptions } from '../stream-options.js'
import { eventStreamResponse } from '../web.js'
import { certificate } from './certificate.test.util.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
type Events = typeof events
/** What the options of all three requests have in common. */
type Options = Omit<EventStreamOptions<unknown, unknown, Events>, 'authorize'> & {
  authorize?: () => { status: number; headers?: Record<string, string> }
}

interface Client {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly messages: SseMessage[]
  readonly comments: string[]
  received(count: number): Promise<SseMessage[]>
  readonly ended: Promise<void>
  /** Stops reading, and goes on. */
  pause(): void
  resume(): void
  leave(): void
}

interface Served {
  readonly open: (headers?: Record<string, string>) => Promise<Client>
}

/** Decodes what `listen` brings. */
function decode(): Pick<Client, 'messages' | 'comments' | 'received'> & { feed(bytes: Uint8Array): void } {
  const messages: SseMessage[] = []
  const comments: string[] = []
  const waiting = new Set<() => void>()
  const decoder = createDecoder({
    onMessage: (message) => messages.push(message),
    onComment: (comment) => comments.push(comment),
  })
  return {
    messages,
    comments,
    feed(bytes) {
      decoder.feed(bytes)
      for (const check of waiting) check()
    },
    received: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (messages.length < count) return
          waiting.delete(check)
          resolve(messages)
        }
        waiting.add(check)
        check()
      }),
  }
}

const sinks: Record<string, (manager: EventManager<Events>, options: Options) => Promise<Served>> = {
  'HTTP/1.1': async (manager, options) => {
    const server = createServer((request, response) => void handleEventStream(manager, request, response, options))
    const url = await listen(server)
    const { get } = await import('node:http')
    return {
      async open(headers = {}) {
        const request = get(url, { agent: false, headers })
        const [response] = await once(request, 'response')
        const decoded = decode()
        response.on('data', decoded.feed).on('error', () => {})
        onTestFinished(() => void request.destroy())
        return {
          ...decoded,
          status: response.statusCode,
          headers: response.headers,
          ended: new Promise((resolve) => response.on('close', resolve)),
          pause: () => response.pause(),
          resume: () => response.resume(),
          leave: () => request.destroy(),
        }
      },
    }
  },

  'HTTP/2, secure': async (manager, options) => {
    const server = createSecureServer(certificate, (request, response) => {
      void handleEventStream(manager, request, response, options)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const session = connect(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      ca: certificate.cert,
      servername: 'localhost',
    })
    session.on('error', () => {})
    onTestFinished(() => {
      session.destroy()
      server.close()
    })
    return {
      async open(headers = {}) {
        const stream = session.request({ ':path': '/', ...headers })
        const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
        const decoded = decode()
        stream.on('data', decoded.feed).on('error', () => {})
        return {
          ...decoded,
          status: Number(head[':status']),
          headers: head,
          ended: new Promise((resolve) => stream.on('close', resolve)),
          pause: () => stream.pause(),
          resume: () => stream.resume(),
          leave: () => stream.close(),
        }
      },
    }
  },

  'web-standard Response': async (manager, options) => ({
    async open(headers = {}) {
      const abort = new AbortController()
      const request = new Request('http://localhost/', { headers, signal: abort.signal })
      const response = await eventStreamResponse(manager, request, options)
      const decoded = decode()
      let resume: (() => void) | undefined
      let paused: Promise<void> | undefined
      const read = async () => {
        const reader = response.body?.getReader()
        try {
          while (reader) {
            await paused
            const { done, value } = await reader.read()
            if (done) return
            decoded.feed(value)
          }
        } catch {
          // The stream was cut off.
        }
      }
      return {
        ...decoded,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        ended: read(),
        pause() {
          paused = new Promise((resolve) => {
            resume = resolve
          })
        },
        resume: () => resume?.(),
        leave: () => abort.abort(),
      }
    },
  }),
}

const texts = (messages: readonly SseMessage[]) =>
  messages.filter(({ event }) => event === 'log').map(({ data }) => JSON.parse(data).message)

describe.each(Object.entries(sinks))('%s', (_, serve) => {
  async function start(options: Partial<EventManagerOptions<Events>> = {}, streamOptions: Options = {}) {
    const onError = vi.fn()
    const manager = new EventManager({ events, onError, ...options })
    onTestFinished(() => manager.close())
    return { manager, onError, ...(await serve(manager, streamOptions)) }
  }

  it('opens with the headers of a stream, and brings events as they come', async () => {
    const { manager, open } = await start()
    const client = await open()
    expect(client.status).toBe(200)
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(await client.received(1)).toMatchObject([{ event: 'rivulet:open' }])
    for (const message of ['Grüße', '1', '2']) await manager.publish('log', { message })
    expect(texts(await client.received(4))).toEqual(['Grüße', '1', '2'])
  })

  it('goes on after the last event ID', async () => {
    const { manager, open } = await start()
    const { id } = await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    const client = await open({ 'last-event-id': id! })
    expect(texts(await client.received(2))).toEqual(['2'])
  })

  it('refuses with a status, headers and no stream', async () => {
    const { manager, open } = await start(
      {},
      { authorize: () => ({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } }) },
    )
    const client = await open()
    await client.ended
    expect(client.status).toBe(401)
    expect(client.headers).toMatchObject({ 'www-authenticate': 'Bearer', 'cache-control': 'no-store' })
    expect(manager.stats()).toMatchObject({ connections: 0, refused: 1 })
  })

  it('forgets a client that leaves', async () => {
    const { manager, open } = await start()
    const client = await open()
    await client.received(1)
    client.leave()
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, closed: 1 }))
    await manager.publish('log', { message: 'to nobody' })
  })

  it('ends a stream with a last word', async () => {
    const { manager, open } = await start()
    const client = await open()
    await client.received(1)
    manager.disconnect(() => true, 'enough')
    await client.ended
    expect(client.messages.at(-1)).toMatchObject({ event: 'rivulet:close', data: '{"reason":"enough","retry":false}' })
  })

  it('gives a client that reads slowly everything from the log, and holds little for it', async () => {
    const limits = { highWaterMarkBytes: 100_000 }
    const { manager, open } = await start({ limits, retention: { maxEvents: 100_000, maxBytes: 1e9 } })
    const client = await open()
    await client.received(1)
    client.pause()
    const numbers = Array.from({ length: 4_000 }, (_, index) => `${index} ${'x'.repeat(4_000)}`)
    for (const [index, message] of numbers.entries()) {
      await manager.publish('log', { message })
      if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const [connection] = manager.connections.values()
    expect(connection).toMatchObject({ state: 'lagging' })
    expect(connection!.bufferedBytes).toBeLessThan(300_000)
    client.resume()
    await client.received(4_001)
    expect(texts(client.messages)).toEqual(numbers)
    expect(manager.stats()).toMatchObject({ gaps: 0 })
    await vi.waitFor(() => expect(connection).toMatchObject({ state: 'live', bufferedBytes: 0 }))
  })

  it('cuts a client that takes nothing', async () => {
    const limits = { highWaterMarkBytes: 1_000, stallTimeoutMs: 100 }
    const { manager, open } = await start({ limits })
    const client = await open()
    await client.received(1)
    client.pause()
    for (let count = 0; count < 200; count++) {
      await manager.publish('log', { message: 'x'.repeat(100_000) })
      await new Promise((resolve) => setImmediate(resolve))
    }
    await vi.waitFor(() => expect(manager.stats()).toMatchObject({ connections: 0, stalled: 1 }), 10_000)
  })

  it('sends heartbeats to an idle stream', async () => {
    const { open, manager } = await start({ heartbeat: { intervalMs: 64 } })
    const client = await open()
    await vi.waitFor(() => expect(client.comments.length).toBeGreaterThan(1))
    expect(manager.stats().heartbeats).toBeGreaterThan(1)
  })

  it('is over when the manager is closed', async () => {
    const { manager, open } = await start()
    const client = await open()
    await client.received(1)
    await manager.close()
    await client.ended
    expect(client.messages.at(-1)).toMatchObject({ event: 'rivulet:close', data: '{"reason":"shutdown","retry":true}' })
  })
})
