import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { type Http2ServerRequest, Http2ServerResponse, type Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { DetachedSocket } from './detached-socket.js'
import type { Payload } from './payload.js'
import { type Refusal, type Sink, type SinkListener, streamHeaders } from './sink.js'

/** A Node.js response, of HTTP/1.x or HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** Writes a stream to a Node.js response, including one that middleware has wrapped. */
export class NodeSink implements Sink {
  /** Those that have opened in this turn of the event loop and may be detached at its end. */
  static #opened: NodeSink[] = []
  /** `undefined` once the response is detached. */
  #attached: NodeResponse | undefined
  #detached: DetachedSocket | undefined
  /** The connection of an HTTP/1.x response. `response.socket` is set only while the response is first in its queue. */
  readonly #connection: Socket | undefined
  /** The connection that must end with the response; for HTTP/2, its session too. */
  #leaving: { readonly socket: Socket; readonly session?: Http2Session } | undefined
  #listener: SinkListener | undefined
  /** The stream below the response, if nothing transforms the bytes in between. Writing to it skips the cost of `response.write`. */
  #bare: Writable | undefined
  #chunked = false
  #bodiless = false
  #waiting = false
  /** True inside `together`. Nothing is sent until it ends, so a full buffer says nothing about the client. */
  #corked = false
  /** Bytes written since the last drain. Stands in for the buffer of a response that hides it. */
  #sinceDrain = 0

  constructor(response: NodeResponse) {
    this.#attached = response
    if (isNodeItself && !(response instanceof Http2ServerResponse)) this.#connection = response.req?.socket
  }

  get #response(): NodeResponse {
    return this.#attached!
  }

  get bufferedBytes(): number {
    return this.#bare ? this.#bare.writableLength : this.#sinceDrain
  }

  get closed(): boolean {
    if (this.#detached) return this.#detached.closed
    const { destroyed, closed } = this.#response instanceof Http2ServerResponse ? this.#response.stream : this.#response
    return destroyed || closed || this.#response.writableEnded || this.#connection?.destroyed === true
  }

  get queued(): boolean {
    return this.#connection !== undefined && !this.#detached && !this.#response.socket && !this.closed
  }

  get encoded(): boolean {
    return this.#response.hasHeader('content-encoding') || isWrapped(this.#response)
  }

  relisten(listener: SinkListener): void {
    if (this.#listener) this.#listener = listener
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
    // Not the request's `close`, which comes as soon as its body is read.
    this.#response.on('close', this.#over)
    // A response without a socket does not close when the connection does.
    this.#connection?.on('close', this.#over)
    // On Node.js 22 a stream that is reset during a write never closes by itself.
    if (this.#response instanceof Http2ServerResponse) {
      const { stream } = this.#response
      stream.once('aborted', () => stream.destroy())
    }
  }

  readonly #over = (): void => {
    this.#connection?.removeListener('close', this.#over)
    this.#restoreTimeout()
    const listener = this.#listener
    this.#listener = undefined
    listener?.onClose()
  }

  /** The server's idle timeout counts for the next request. With a keep-alive timeout, Node.js sets it itself. */
  #restoreTimeout(): void {
    const { server } = (this.#connection ?? {}) as { server?: Server }
    if (server?.timeout && !server.keepAliveTimeout) this.#connection!.setTimeout(server.timeout)
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
    response.writeHead(status, { 'cache-control': 'no-store', ...type, ...headersFor(this.#response, headers) })
    // A client that keeps its window closed would leave the message pending for ever.
    if (this.#response instanceof Http2ServerResponse) {
      const { stream } = this.#response
      stream.setTimeout(refusalTimeoutMs, () => stream.destroy())
    }
    response.end(message)
  }

  open(headers?: Readonly<Record<string, string>>): void {
    const response = this.#response as ServerResponse
    const vary = headers?.vary && { vary: varyOf(response, headers.vary) }
    response.writeHead(200, headers ? { ...headers, ...vary, ...streamHeaders } : streamHeaders)
    if (response.req.method === 'HEAD') {
      this.#bodiless = true
      response.end()
      return
    }
    response.flushHeaders()
    // The server's idle timeout must not end a quiet stream.
    response.socket?.setTimeout(0)
    this.#bare =
      headers?.['content-encoding'] || !response.hasHeader('content-encoding') ? bareStream(this.#response) : undefined
    this.#chunked = this.#bare !== undefined && response.chunkedEncoding === true
    if (this.#bare && this.#bare === this.#connection) this.#detachLater()
  }

  /** Later, because the parser is still at work, and the application may yet add its listeners. */
  #detachLater(): void {
    const opened = NodeSink.#opened
    if (opened.push(this) > 1) return
    setImmediate(() => {
      NodeSink.#opened = []
      for (const sink of opened) sink.#detach()
    })
  }

  #detach(): void {
    const response = this.#response as ServerResponse
    const attached = { request: response.req, response, socket: this.#connection!, onClose: this.#over }
    this.#detached = DetachedSocket.of(attached, () => {
      this.#detached = undefined
      this.#attached = response
    })
    if (this.#detached) this.#attached = undefined
  }

  together(write: () => void): boolean {
    const socket = this.#response instanceof ServerResponse ? this.#response.socket : undefined
    socket?.cork()
    this.#corked = socket !== null && socket !== undefined
    try {
      write()
    } finally {
      this.#corked = false
      socket?.uncork()
    }
    const bare = this.#bare
    if (bare?.writableNeedDrain && bare.writableLength > 0) this.#awaitDrain(bare)
    return !this.#waiting
  }

  write(payload: Payload): boolean {
    if (this.#bodiless || this.#isOver()) return true
    if (this.#bare) {
      // The client has ended its side, and the connection closes. A write would be told as a `clientError`.
      if (!this.#bare.writable) return false
      const full = !this.#bare.write(this.#chunked ? payload.chunk : payload.bytes)
      if (full && !(this.#corked && this.#bare.writableLength < corkedBytes)) this.#awaitDrain(this.#bare)
      return !this.#waiting
    }
    const response = this.#response as ServerResponse & { flush?: () => void }
    if (!response.write(payload.bytes)) this.#awaitDrain(response)
    // Compression middleware adds `flush`. Without it, events wait in the compressor for more events.
    response.flush?.()
    if (this.#waiting) this.#sinceDrain += payload.length
    return !this.#waiting
  }

  /** Tells if the application has ended the response. Its close may be long in coming: something is not sent yet. */
  #isOver(): boolean {
    if (!this.#attached?.writableEnded) return false
    queueMicrotask(this.#over)
    return true
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
    if (this.#detached) {
      this.#detached.end(leave, this.#over)
      return
    }
    if (leave) this.#leave()
    this.#response.end()
  }

  destroy(leave = false): void {
    if (this.#detached) {
      this.#detached.destroy()
      return
    }
    if (leave) this.#leave()
    // `response.destroy()` would only take effect once the response gets the socket.
    if (this.queued) this.#connection!.destroy()
    const taken = this.#response instanceof Http2ServerResponse && this.#response.stream.closed
    this.#response.destroy()
    if (!this.#leaving) return
    const { socket, session } = this.#leaving
    // A session that has sent this response ends when its other streams do.
    if (!session || session.destroyed || !taken) socket.destroy()
  }

  /** Ends the connection after the response. If it were kept alive, `server.close()` would wait for it. */
  #leave(): void {
    if (this.#leaving) return
    if (!(this.#response instanceof Http2ServerResponse)) {
      const { socket } = this.#response
      // Adds `Connection: close` while the headers can still change. Later the client just sees the connection end.
      if (!this.#response.headersSent) this.#response.shouldKeepAlive = false
      if (!socket) return
      this.#leaving = { socket }
      this.#response.once('finish', () => socket.end())
      return
    }
    const { stream } = this.#response
    const { session } = stream
    if (!session || session.destroyed) return
    // `session.socket` is a proxy that forbids `destroy`; its `off` returns the real socket.
    this.#leaving = { session, socket: session.socket.off('close', () => {}) }
    stream.once('close', () => session.close())
  }
}

/** The header `Vary` of a response with one more name, in addition to those that middleware has set. */
function varyOf(response: ServerResponse, name: string): string {
  const set = [response.getHeader('vary') ?? []].flat().join(', ')
  const names = set.toLowerCase().split(/\s*,\s*/)
  if (set === '') return name
  return names.includes('*') || names.includes(name.toLowerCase()) ? set : `${set}, ${name}`
}

/** Headers that describe a connection, which HTTP/2 forbids (RFC 9113, 8.2.2). */
const ofConnection = /^(connection|keep-alive|proxy-connection|te|transfer-encoding|upgrade|http2-settings)$/i

/** The headers of an answer that its version of HTTP allows. For adapters that leave the sending to their framework. */
export function headersFor(response: NodeResponse, headers: Refusal['headers'] = {}): Record<string, string> {
  if (!(response instanceof Http2ServerResponse)) return { ...headers }
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.test(name)))
}

/** The number of bytes that `together` takes before they have to be sent. */
const corkedBytes = 65_536

/** The number of refusals that may wait on one connection behind an unfinished response. */
const maxQueuedRefusals = 16
const queuedRefusals = new WeakMap<Socket, number>()

/**
 * Counts the refusals that wait on a connection, and ends it when there are too many. At some 16 KiB of them Node.js
 * would stop reading and no longer notice that the client has left.
 */
function isOneTooMany(connection: Socket): boolean {
  const count = (queuedRefusals.get(connection) ?? 0) + 1
  queuedRefusals.set(connection, count)
  if (count <= maxQueuedRefusals) return false
  // Deferred, so that a stream opened in this turn is written first and its client learns that it was let in.
  setImmediate(() => connection.destroy())
  return true
}

/** The time in milliseconds that an HTTP/2 refusal waits for the client to open its window. */
const refusalTimeoutMs = 2_000

/** False on Bun and Deno. They implement `node:http` themselves: a response's bytes do not go through its `socket`. */
const isNodeItself = !('bun' in process.versions || 'deno' in process.versions)

/** The stream below a response, provided the response is not wrapped, and first in its connection's queue. */
function bareStream(response: NodeResponse): Writable | undefined {
  if (!isNodeItself || isWrapped(response)) return undefined
  if (response instanceof Http2ServerResponse) return response.stream
  const { socket } = response
  if (!socket) return undefined
  return response.writableLength > socket.writableLength ? undefined : socket
}

function isWrapped(response: NodeResponse): boolean {
  const { prototype } = response instanceof Http2ServerResponse ? Http2ServerResponse : ServerResponse
  return response.write !== prototype.write
}

/** The cursor that a request resumes from: its `Last-Event-ID` header, or else the query parameter `lastEventId`. */
export function lastEventIdOf({ headers, url = '' }: IncomingMessage | Http2ServerRequest): string | undefined {
  const header = headers['last-event-id']
  if (header) return Array.isArray(header) ? header[0] : header
  const query = queryOf(url)
  return query.includes('lastEventId') ? (new URLSearchParams(query).get('lastEventId') ?? undefined) : undefined
}

/** The query of a request's address, without `?`. */
export function queryOf(url: string): string {
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}
