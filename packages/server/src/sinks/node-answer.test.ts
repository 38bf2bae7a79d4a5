import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { openSession } from '../../test/http2-session.js'
import { sendRaw } from '../../test/raw-client.js'
import { listen } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleChannelMembers, handleEventHistory, handleRunStop, handleStreamControl } from '../node.js'
import { RunManager } from '../runs/run-manager.js'
import type { EventStreamOptions } from '../streams/stream-options.js'
import { eventHistoryResponse } from '../web.js'
import { sendAnswer } from './node-answer.js'

const events = defineEvents({ log: z.object({ text: z.string() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>
type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

function createManager() {
  const manager = new EventManager({ events })
  onTestFinished(() => manager.close())
  return manager
}

const handlers = {
  history: (request: Request, response: Response, options: Options) =>
    handleEventHistory(createManager(), request, response, options),
  members: (request: Request, response: Response, options: Options) =>
    handleChannelMembers(createManager(), request, response, options),
  control: (request: Request, response: Response, options: Options) => {
    Object.assign(request, { body: { connectionId: 'a', control: 'b', channels: ['c'] } })
    return handleStreamControl(createManager(), request, response, options)
  },
  'run stop': (request: Request, response: Response, { authorize }: Options) => {
    const runs = new RunManager({ manager: createManager() })
    return handleRunStop(runs, request, response, { id: () => 'a', authorize: authorize! })
  },
}

/** Makes a request over HTTP/2. Resolves with the status, or 0 if there was no answer. */
async function requestHttp2(handle: (request: Http2ServerRequest, response: Http2ServerResponse) => void) {
  const session = await openSession(handle)
  return new Promise<number>((resolve) => {
    const stream = session.request({ ':path': '/' })
    stream.on('response', (headers) => resolve(headers[':status']!))
    stream.on('error', () => {})
    stream.on('close', () => resolve(0))
  })
}

describe.each(Object.entries(handlers))('an answer of %s', (_name, handle) => {
  it('is dropped if middleware has answered meanwhile', async () => {
    let done: Promise<unknown> | undefined
    const url = await listen(
      createServer((request, response) => {
        const authorize = async () => {
          response.writeHead(503).end('late')
          return true as const
        }
        done = handle(request, response, { authorize })
      }),
    )
    const response = await fetch(url)
    expect([response.status, await response.text()]).toEqual([503, 'late'])
    await expect(done).resolves.toBeUndefined()
  })

  it('omits the headers of a refusal that HTTP/2 forbids', async () => {
    const headers = { Connection: 'close', 'Keep-Alive': 'timeout=5', Upgrade: 'h2c' }
    const done = vi.fn()
    const status = await requestHttp2((request, response) => {
      void handle(request, response, { authorize: () => ({ status: 401, headers }) }).then(done)
    })
    expect(status).toBe(401)
    expect(done).toHaveBeenCalledOnce()
  })

  it('ends the stream if the headers of middleware cannot be sent', async () => {
    const done = vi.fn()
    const status = await requestHttp2((request, response) => {
      vi.spyOn(response, 'writeHead').mockImplementation(() => {
        throw new Error('Middleware failed.')
      })
      void handle(request, response, { authorize: () => true }).then(done)
    })
    expect(status).toBe(0)
    expect(done).toHaveBeenCalledOnce()
  })
})

describe('an answer', () => {
  it.each([
    ['history', 200],
    ['members', 200],
    ['control', 404],
  ] as const)('is made for one of many pipelined requests: %s', async (name, status) => {
    const authorize = vi.fn(async () => true as const)
    const url = await listen(createServer((request, response) => void handlers[name](request, response, { authorize })))
    const last = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const { until } = await sendRaw(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(9) + last)
    const answers = await until('Connection: close')
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, ...Array(9).fill('HTTP/1.1 503')])
    expect(answers.match(/retry-after: \d/gi)).toHaveLength(9)
    expect(authorize).toHaveBeenCalledOnce()
  })

  it('is dropped when the client stops reading it', async () => {
    const closed = vi.fn()
    const url = await listen(
      createServer((_request, response) => {
        response.on('close', closed)
        sendAnswer(response, { status: 200, headers: {}, body: 'x'.repeat(20_000_000) }, 50)
      }),
    )
    const { socket } = await sendRaw(Number(new URL(url).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.pause()
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce())
  })

  it('leaves the connection as it was', async () => {
    const timeouts: unknown[] = []
    const server = createServer((request, response) => {
      timeouts.push(request.socket.timeout)
      sendAnswer(response, { status: 200, headers: {}, body: request.url === '/1' ? 'first' : 'second' }, 50_000)
    })
    server.keepAliveTimeout = 0
    const url = await listen(server)
    const { socket, until } = await sendRaw(Number(new URL(url).port), 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('first')
    socket.write('GET /2 HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('second')
    expect(timeouts).toEqual([undefined, 0])
  })
})

describe('a web-standard answer', () => {
  it.each([204, 304])('has no body with status %i', async (status) => {
    const authorize = () => ({ status, message: 'nothing' })
    const response = await eventHistoryResponse(createManager(), new Request('http://x/'), { authorize })
    expect([response.status, await response.text()]).toEqual([status, ''])
  })

  it('has the content type of a refusal instead of its own', async () => {
    const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'max-age=1' }
    const authorize = () => ({ status: 401, message: '{}', headers })
    const response = await eventHistoryResponse(createManager(), new Request('http://x/'), { authorize })
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('max-age=1')
  })
})
