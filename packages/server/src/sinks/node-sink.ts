import { type IncomingMessage, ServerResponse } from 'node:http'
import { type Http2ServerRequest, Http2ServerResponse, type Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { Payload } from './payload.js'
import { type Refusal, type Sink, type SinkListener, streamHeaders } from './sink.js'

/** A response of Node.js, of HTTP/1.x or HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** A response of Node.js itself, or one that middleware has wrapped. */
export class NodeSink implements Sink {
  readonly #response: NodeResponse
  /** The connection of an HTTP/1.x response: it has a `socket` of its own only while it is the first in line there. */
  readonly #connection: Socket | undefined
  /** The connection that has to end with the response, and its session over HTTP/2. */
  #leaving: { readonly socket: Socket; readonly session?: Http2Session } | undefined
  #listener: SinkListener | undefined
  /** Where the bytes go if nothing stands between: the response's own `write` would only cost. */
  #bare: Writable | undefined
  #chunked = false
  #bodiless = false
  #waiting = false
  /** What was written since the last drain, for a response whose buffers cannot be seen. */
  #sinceDrain = 0

  constructor(response: NodeResponse) {
    this.#response = response
    if (isNodeItself && !(response instanceof Http2ServerResponse)) this.#connection = response.req?.socket
  }

  get bufferedBytes(): number {
    return this.#bare ? this.#bare.writableLength : this.#sinceDrain
  }

  get closed(): boolean {
    const { destroyed, closed } = this.#response instanceof Http2ServerResponse ? this.#response.stream : this.#response
    return destroyed || closed || this.#response.writableEnded || this.#connection?.destroyed === true
  }

  get queued(): boolean {
    return this.#connection !== undefined && !this.#response.socket && !this.closed
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
    // Not the request's: that one closes when its body was read.
    this.#response.on('close', this.#over)
    // A response that has lost its socket, or has none yet, does not close with the connection.
    this.#connection?.on('close', this.#over)
    // On Node.js 22 a stream that is reset while a write is under way never closes by itself.
    if (this.#response instanceof Http2ServerResponse) {
      const { stream } = this.#response
      stream.once('aborted', () => stream.destroy())
    }
  }

  readonly #over = (): void => {
    this.#connection?.removeListener('close', this.#over)
    const listener = this.#listener
    this.#listener = undefined
    listener?.onClose()
  }

  refuse({ status, message = '', headers }: Refusal, leave = false): void {
    const response = this.#response as ServerResponse
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (this.queued && isOneTooMany(this.#connection!)) return
    const type = message === '' ? undefined : { 'content-type': 'text/plain; charset=utf-8' }
    if (leave) this.#leave()
    response.writeHead(status, { 'cache-control': 'no-store', ...type, ...headers })
    // With its window closed, a client could leave the message waiting for ever.
    if (this.#response instanceof Http2ServerResponse) {
      const { stream } = this.#response
      stream.setTimeout(refusalTimeoutMs, () => stream.destroy())
    }
    response.end(message)
  }

  open(): void {
    const response = this.#response as ServerResponse
    response.writeHead(200, streamHeaders)
    if (response.req.method === 'HEAD') {
      this.#bodiless = true
      response.end()
      return
    }
    response.flushHeaders()
    // A server's idle timeout is for requests that were forgotten.
    response.socket?.setTimeout(0)
    this.#bare = bareStream(this.#response)
    this.#chunked = this.#bare !== undefined && response.chunkedEncoding === true
  }

  together(write: () => void): void {
    const socket = this.#response instanceof ServerResponse ? this.#response.socket : undefined
    socket?.cork()
    try {
      write()
    } finally {
      socket?.uncork()
    }
  }

  write(payload: Payload): boolean {
    if (this.#bodiless) return true
    if (this.#bare) {
      if (!this.#bare.write(this.#chunked ? payload.chunk : payload.bytes)) this.#awaitDrain(this.#bare)
      return !this.#waiting
    }
    const response = this.#response as ServerResponse & { flush?: () => void }
    if (!response.write(payload.bytes)) this.#awaitDrain(response)
    // Compression middleware adds it: without it events wait for more events.
    response.flush?.()
    if (this.#waiting) this.#sinceDrain += payload.bytes.length
    return !this.#waiting
  }

  #awaitDrain(stream: Writable): void {
    if (this.#waiting) return
    this.#waiting = true
    stream.once('drain', () => {
      this.#waiting = false
      this.#sinceDrain = 0
      this.#listener?.onDrain()
    })
  }

  end(leave: boolean): void {
    if (leave) this.#leave()
    this.#response.end()
  }

  destroy(leave = false): void {
    if (leave) this.#leave()
    // It would wait for a socket of its own to destroy.
    if (this.queued) this.#connection!.destroy()
    const taken = this.#response instanceof Http2ServerResponse && this.#response.stream.closed
    this.#response.destroy()
    if (!this.#leaving) return
    const { socket, session } = this.#leaving
    // A session that took this response, and has others, ends when they do.
    if (!session || session.destroyed || !taken) socket.destroy()
  }

  /** Has the connection end after the response: kept alive, it would hold up server.close(). */
  #leave(): void {
    if (this.#leaving) return
    if (!(this.#response instanceof Http2ServerResponse)) {
      const { socket } = this.#response
      // For a response that is not sent yet; of one that is, the client sees the connection end.
      if (!this.#response.headersSent) this.#response.shouldKeepAlive = false
      if (!socket) return
      this.#leaving = { socket }
      this.#response.once('finish', () => socket.end())
      return
    }
    const { stream } = this.#response
    const { session } = stream
    if (!session || session.destroyed) return
    // The session only shows a proxy that refuses to be destroyed; its other methods return the socket itself.
    this.#leaving = { session, socket: session.socket.off('close', () => {}) }
    stream.once('close', () => session.close())
  }
}

/** How many refusals may wait on a connection behind an unfinished response. */
const maxQueuedRefusals = 16
const queuedRefusals = new WeakMap<Socket, number>()

/**
 * Counts the refusals that wait on a connection, and ends it when they are too many: with some 16 KiB of them Node.js
 * stops reading, and does not notice that the client has left.
 */
function isOneTooMany(connection: Socket): boolean {
  const count = (queuedRefusals.get(connection) ?? 0) + 1
  queuedRefusals.set(connection, count)
  if (count <= maxQueuedRefusals) return false
  // Not before what is opened in this turn was written: its client learns that it was let in.
  setImmediate(() => connection.destroy())
  return true
}

/** How long a refusal over HTTP/2 may wait for a client to open its window, in milliseconds. */
const refusalTimeoutMs = 2_000

/** Bun and Deno have servers of their own under `node:http`: a response's bytes do not go through what they call its socket. */
const isNodeItself = !('bun' in process.versions || 'deno' in process.versions)

/** The stream below a response whose bytes nothing changes on their way: not wrapped, not encoded, and first in line on its connection. */
function bareStream(response: NodeResponse): Writable | undefined {
  if (!isNodeItself || response.hasHeader('content-encoding')) return undefined
  if (response instanceof Http2ServerResponse) {
    return response.write === Http2ServerResponse.prototype.write ? response.stream : undefined
  }
  const { socket } = response
  if (!socket || response.write !== ServerResponse.prototype.write) return undefined
  return response.writableLength > socket.writableLength ? undefined : socket
}

/** What a client offers to go on from: the header of a reconnecting client, else the query's `lastEventId`. */
export function lastEventIdOf({ headers, url = '' }: IncomingMessage | Http2ServerRequest): string | undefined {
  const header = headers['last-event-id']
  if (header) return Array.isArray(header) ? header[0] : header
  const query = url.indexOf('?')
  if (query === -1) return undefined
  return new URLSearchParams(url.slice(query + 1)).get('lastEventId') ?? undefined
}
