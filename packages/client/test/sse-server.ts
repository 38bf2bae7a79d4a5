import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { encodeControlEvent, encodeMessage, type OpenEvent } from '@rivulet/core'
import { vi } from 'vitest'

export type Answer = (request: IncomingMessage, response: ServerResponse, attempt: number) => unknown

/** Server on its own port. Answers as the test decides, and records the requests. */
export class SseServer {
  readonly requests: IncomingMessage[] = []
  readonly bodies: string[] = []
  /** Open streams, oldest first. */
  streams: readonly ServerResponse[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  answer: Answer

  constructor(answer: Answer = (_, response) => this.accept(response)) {
    this.answer = answer
    this.#server = createServer((request, response) => {
      this.requests.push(request)
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => this.bodies.push(body))
      void this.answer(request, response, this.requests.length)
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`
  }

  /** Stream that was opened last. */
  get stream(): ServerResponse {
    return this.streams.at(-1) as ServerResponse
  }

  /** `Last-Event-ID` of each request. */
  get cursors(): (string | undefined)[] {
    return this.requests.map(({ headers }) => headers['last-event-id'] as string | undefined)
  }

  accept(response: ServerResponse, headers: Record<string, string> = {}): ServerResponse {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
    response.flushHeaders()
    this.streams = [...this.streams, response]
    response.on('close', () => {
      this.streams = this.streams.filter((other) => other !== response)
    })
    return response
  }

  /** Cuts every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.streams = []
  }

  /** Settles when `count` streams are open. */
  async open(count = 1): Promise<void> {
    await vi.waitFor(() => {
      if (this.streams.length !== count) throw new Error(`${this.streams.length} streams are open, not ${count}`)
    }, 15_000)
  }

  async close(): Promise<void> {
    this.drop()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Makes the first frame of Rivulet's server. */
export function openFrame(fields: Partial<OpenEvent> = {}, retry?: number): string {
  const open: OpenEvent = {
    type: 'rivulet:open',
    connectionId: 'c1',
    heartbeatMs: 30_000,
    recovered: null,
    replayed: 0,
    ...fields,
  }
  return encodeControlEvent(open, { retry })
}

/** Makes the frame of an event on Rivulet's wire. */
export function frame(event: string, payload: object, id?: string): string {
  return encodeMessage({
    id,
    event,
    data: JSON.stringify({ ...payload, timestamp: 1_700_000_000_000, source: 'test' }),
  })
}
