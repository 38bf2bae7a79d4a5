import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { type IncomingMessage, OutgoingMessage, Server, type ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { connectionsOf } from './detached-connections.js'

// An open stream needs neither the HTTP parser of its connection nor the request and the response: together they take most
// of the memory of an idle connection. Node.js has no public way to let go of them. Everything private that this file uses
// is checked before, and a connection that looks different from what is known stays as it is.

/** A response that can be taken off its connection. */
export interface Attached {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly socket: Socket
  /** The listener of the response's `close`, the only one that may be there. */
  readonly onClose: () => void
}

/** The private parts of a connection, as far as they are used here. */
interface HttpSocket extends Socket {
  server?: unknown
  parser?: HttpParser | null
  _httpMessage?: unknown
  _paused?: boolean
}

interface HttpParser {
  readonly incoming?: unknown
  readonly socket?: unknown
  readonly _consumed?: boolean
  readonly unconsume?: () => void
  readonly finish?: () => unknown
  readonly remove?: () => void
  readonly close?: () => void
}

/** The listeners that Node.js puts on a connection for its parser, by their names. */
const parserListeners = [
  ['data', 'bound socketOnData'],
  ['end', 'bound socketOnEnd'],
  ['drain', 'bound socketOnDrain'],
  ['close', 'bound socketOnClose'],
  ['timeout', 'socketOnTimeout'],
  ['error', 'socketOnError'],
] as const

type Listener = Parameters<Socket['off']>[1]

function named(listeners: readonly unknown[], name: string): Listener | undefined {
  return listeners.find((listener) => (listener as Listener).name === name) as Listener | undefined
}

const responseFinish = channel('http.server.response.finish')

/** Stands for the response of a detached connection. Programs that end servers tell from it that the connection is in use. */
const streaming = { headersSent: true, finished: false }

/** Tells if nobody but this package would notice that a request and its response are gone. */
function isUnobserved({ request, response, onClose }: Attached): boolean {
  const listened = response.eventNames()
  return (
    request.eventNames().length === 0 &&
    listened.length === 2 &&
    response.listenerCount('close') === 1 &&
    response.listeners('close')[0] === onClose &&
    response.listenerCount('finish') === 1 &&
    response.listeners('finish')[0]?.name === 'bound resOnFinish' &&
    response.emit === EventEmitter.prototype.emit &&
    response.end === OutgoingMessage.prototype.end &&
    response.destroy === OutgoingMessage.prototype.destroy &&
    !responseFinish.hasSubscribers
  )
}

/** Tells if a connection does nothing but send this response, and is what Node.js is known to make of one. */
function isKnown({ request, response, socket }: Attached): boolean {
  const { server, parser, _httpMessage, _paused } = socket as HttpSocket
  return (
    Object.getPrototypeOf(socket) === Socket.prototype &&
    server instanceof Server &&
    // It would let a client that has ended its side read on.
    (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen === false &&
    named(server.listeners('connection'), 'connectionListener') !== undefined &&
    // A new parser would begin to count anew.
    !server.maxRequestsPerSocket &&
    request.complete &&
    request.readableLength === 0 &&
    _httpMessage === response &&
    _paused === false &&
    response.writableLength <= socket.writableLength &&
    !response.hasHeader('content-length') &&
    !response.hasHeader('trailer') &&
    parser?.incoming === request &&
    parser.socket === socket &&
    typeof parser.unconsume === 'function' &&
    typeof parser.finish === 'function' &&
    typeof parser.remove === 'function' &&
    typeof parser.close === 'function'
  )
}

/** A connection that sends a stream without an HTTP parser, a request and a response. */
export class DetachedSocket {
  readonly #socket: HttpSocket
  readonly #chunked: boolean
  readonly #keepsAlive: boolean
  readonly #bytesRead: number
  #ended = false

  private constructor(socket: Socket, response: ServerResponse, betweenRequests: boolean) {
    this.#socket = socket
    this.#chunked = response.chunkedEncoding
    this.#keepsAlive =
      betweenRequests &&
      response.chunkedEncoding &&
      response.shouldKeepAlive &&
      !/close/i.test(String(response.getHeader('connection')))
    this.#bytesRead = socket.bytesRead
  }

  /**
   * Takes a response off its connection, unless someone else listens to it. MUST NOT be called by the parser.
   *
   * @param onUse Called if the application uses the response again, which is then on its connection again.
   * @returns `undefined` if everything stays as it is.
   */
  static of(attached: Attached, onUse: () => void): DetachedSocket | undefined {
    const { request, response, onClose } = attached
    const socket: HttpSocket = attached.socket
    if (socket.destroyed || response.writableEnded || !isUnobserved(attached) || !isKnown(attached)) return undefined
    const listeners = parserListeners.map(([event, name]) => named(socket.listeners(event), name))
    if (listeners.includes(undefined)) return undefined
    const parser = socket.parser!
    // Node.js now passes bytes to listeners instead of the parser.
    socket.on('data', drop)
    if (parser._consumed !== false) {
      socket.off('data', drop)
      return undefined
    }
    for (const [index, [event]] of parserListeners.entries()) socket.off(event, listeners[index]!)
    // It reports an error if it has a part of the next request.
    const betweenRequests = !(parser.finish!() instanceof Error)
    parser.remove!()
    parser.close!()
    socket.parser = null
    response.off('close', onClose)
    response.detachSocket(socket)
    const detached = new DetachedSocket(socket, response, betweenRequests)
    detached.#watch(request, response, onUse)
    socket._httpMessage = streaming
    socket.on('end', onEnd).on('error', onError).on('timeout', onTimeout).on('close', onSocketClose)
    connectionsOf(socket.server as Server).open.add(socket)
    return detached
  }

  /** Puts the response back as soon as the application uses it: it may still have it. */
  #watch(request: IncomingMessage, response: ServerResponse, onUse: () => void): void {
    const socket = this.#socket
    // `response.destroy()` ends the connection, and `response.socket` tells of the client.
    Object.assign(response, { socket })
    const use = () => {
      response.off('newListener', use)
      delete (response as Partial<ServerResponse>).write
      delete (response as Partial<ServerResponse>).end
      if (this.closed) return
      socket._httpMessage = null
      response.assignSocket(socket)
      socket.on('drain', () => response.emit('drain'))
      response.once('finish', () => this.#settle(false))
      onUse()
    }
    response.write = (...args: unknown[]) => {
      use()
      return response.write(...(args as Parameters<ServerResponse['write']>))
    }
    response.end = (...args: unknown[]) => {
      use()
      return response.end(...(args as Parameters<ServerResponse['end']>))
    }
    response.on('newListener', use)
    request.once('newListener', () => {
      socket.once('close', () => request.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })))
    })
  }

  get closed(): boolean {
    return this.#ended || this.#socket.destroyed
  }

  /** Ends the response. @param leave Ends the connection too. @param onSent Called once everything is sent. */
  end(leave: boolean, onSent: () => void): void {
    const socket = this.#socket
    if (this.closed) return
    this.#ended = true
    socket._httpMessage = null
    if (!this.#chunked) {
      socket.once('finish', onSent)
      socket.destroySoon()
      return
    }
    socket.write('0\r\n\r\n', (error) => {
      if (error) return
      this.#settle(leave)
      onSent()
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Waits for another request, or ends the connection. */
  #settle(leave: boolean): void {
    const socket = this.#socket
    if (socket.destroyed) return
    if (leave) socket.end()
    // Bytes that the client has sent meanwhile are lost.
    else if (!this.#keepsAlive || socket.bytesRead > this.#bytesRead || !socket.writable) socket.destroySoon()
    else rest(socket)
  }
}

/** Keeps a connection until its client sends another request, as long as Node.js would. */
function rest(socket: HttpSocket): void {
  const server = socket.server as Server & { keepAliveTimeoutBuffer?: number }
  if (server.keepAliveTimeout) socket.setTimeout(server.keepAliveTimeout + (server.keepAliveTimeoutBuffer ?? 1_000))
  socket.off('data', drop).on('data', onNextRequest)
  const { open, resting } = connectionsOf(server)
  open.delete(socket)
  resting.add(socket)
}

/** Gives a connection back to Node.js, which begins with a new parser. */
function onNextRequest(this: HttpSocket, bytes: Buffer): void {
  const server = this.server as Server
  this.off('data', onNextRequest).off('end', onEnd).off('error', onError)
  this.off('timeout', onTimeout).off('close', onSocketClose)
  onSocketClose.call(this)
  this.setTimeout(server.timeout)
  named(server.listeners('connection'), 'connectionListener')!.call(server, this as never)
  this.emit('data', bytes)
}

function drop(): void {}

function onEnd(this: HttpSocket): void {
  this.end()
}

function onError(this: HttpSocket, error: Error): void {
  if (!(this.server as Server).emit('clientError', error, this)) this.destroy(error)
}

function onTimeout(this: HttpSocket): void {
  if (!(this.server as Server).emit('timeout', this)) this.destroy()
}

function onSocketClose(this: HttpSocket): void {
  const { open, resting } = connectionsOf(this.server as Server)
  open.delete(this)
  resting.delete(this)
}
