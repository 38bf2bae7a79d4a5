import { type IncomingMessage, ServerResponse } from 'node:http'
import { type Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Writable } from 'node:stream'
import type { Payload } from '../payload.js'
import { type Refusal, type Sink, type SinkListener, streamHeaders } from '../sink.js'

/** A response of Node.js, of HTTP/1.x or HTTP/2. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** A response of Node.js itself, or one that middleware has wrapped. */
export class NodeSink implements Sink {
  readonly #response: NodeResponse
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
  }

  get bufferedBytes(): number {
    return this.#bare ? this.#bare.writableLength : this.#sinceDrain
  }

  get closed(): boolean {
    const { destroyed, closed } = this.#response instanceof Http2ServerResponse ? this.#response.stream : this.#response
    return destroyed || closed || this.#response.writableEnded
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
    // Not the request's: that one closes when its body was read.
    this.#response.on('close', () => listener.onClose())
    // On Node.js 22 a stream that is reset while a write is under way never closes by itself.
    if (this.#response instanceof Http2ServerResponse) {
      const { stream } = this.#response
      stream.once('aborted', () => stream.destroy())
    }
  }

  refuse({ status, message = '', headers }: Refusal): void {
    const response = this.#response as ServerResponse
    if (response.headersSent) {
      response.destroy()
      return
    }
    const type = message === '' ? undefined : { 'Content-Type': 'text/plain; charset=utf-8' }
    response.writeHead(status, { 'Cache-Control': 'no-store', ...type, ...headers })
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
    const response = this.#response as ServerResponse
    if (!leave) {
      response.end()
      return
    }
    // Kept alive, the connection under it would hold up server.close().
    const { socket } = response
    const session = this.#response instanceof Http2ServerResponse ? this.#response.stream.session : undefined
    response.end(() => {
      if (session) session.close()
      else socket?.end()
    })
  }

  destroy(): void {
    this.#response.destroy()
  }
}

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
