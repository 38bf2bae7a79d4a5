import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Payload } from '../payload.js'
import { type Refusal, type Sink, type SinkListener, streamHeaders } from '../sink.js'

/** A response of HTTP/1.x, by Node.js's own `ServerResponse` or one that middleware has wrapped. */
export class NodeHttp1Sink implements Sink {
  readonly #response: ServerResponse
  #listener: SinkListener | undefined
  /** Where the bytes go if nothing stands between: then `ServerResponse.write` would only cost. */
  #socket: Socket | undefined
  #chunked = true
  #waiting = false
  /** What was written since the last drain, for a response whose buffers cannot be seen. */
  #sinceDrain = 0

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get bufferedBytes(): number {
    return this.#socket ? this.#socket.writableLength : this.#sinceDrain
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.closed || this.#response.writableEnded
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
    // Not the request's: that one closes when its body was read.
    this.#response.on('close', () => listener.onClose())
  }

  refuse({ status, message = '', headers }: Refusal): void {
    if (this.#response.headersSent) {
      this.destroy()
      return
    }
    const { 'Content-Type': type = 'text/plain; charset=utf-8' } = headers ?? {}
    this.#response.writeHead(status, { 'Cache-Control': 'no-store', 'Content-Type': type, ...headers })
    this.#response.end(message)
  }

  open(): void {
    const response = this.#response
    response.writeHead(200, streamHeaders)
    response.flushHeaders()
    this.#socket = bareSocket(response)
    this.#chunked = response.chunkedEncoding
    // A server's own idle timeout is meant for requests that never end by mistake.
    response.socket?.setTimeout(0)
  }

  write(payload: Payload): boolean {
    const socket = this.#socket
    if (socket) {
      if (!socket.write(this.#chunked ? payload.chunk : payload.bytes)) this.#awaitDrain(socket)
      return !this.#waiting
    }
    const response = this.#response as ServerResponse & { flush?: () => void }
    if (!response.write(payload.bytes)) this.#awaitDrain(response)
    // The compression middleware adds this: without it events wait for more events.
    if (typeof response.flush === 'function') response.flush()
    if (this.#waiting) this.#sinceDrain += payload.bytes.length
    return !this.#waiting
  }

  #awaitDrain(stream: Socket | ServerResponse): void {
    if (this.#waiting) return
    this.#waiting = true
    stream.once('drain', () => {
      this.#waiting = false
      this.#sinceDrain = 0
      this.#listener?.onDrain()
    })
  }

  end(): void {
    const { socket } = this.#response
    // Kept alive, the connection would hold up server.close().
    this.#response.end(() => socket?.end())
  }

  destroy(): void {
    this.#response.destroy()
  }
}

/**
 * The socket of a response whose bytes nothing changes on their way: not wrapped, not encoded, and first in line on its
 * connection.
 */
function bareSocket(response: ServerResponse): Socket | undefined {
  const { socket } = response
  if (!socket || response.write !== ServerResponse.prototype.write) return undefined
  if (response.hasHeader('content-encoding') || response.writableLength > socket.writableLength) return undefined
  return socket
}

/** What a client offers to go on from: the header of a reconnecting `EventSource`, else the query's `lastEventId`. */
export function lastEventIdOf({ headers, url = '' }: IncomingMessage): string | undefined {
  const header = headers['last-event-id']
  if (header) return Array.isArray(header) ? header[0] : header
  const query = url.indexOf('?')
  if (query === -1) return undefined
  return new URLSearchParams(url.slice(query + 1)).get('lastEventId') ?? undefined
}
