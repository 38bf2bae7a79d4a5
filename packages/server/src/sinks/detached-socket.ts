import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { IncomingMessage, OutgoingMessage, Server, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { connectionsOf, inContextOf } from './detached-connections.js'

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
] as const
/** Those that it puts there, too, and that need no parser. They ask the response of the connection, which `streaming` stands for. */
const otherListeners = [
  ['timeout', 'socketOnTimeout'],
  ['error', 'socketOnError'],
] as const

type Listener = Parameters<Socket['off']>[1]

/** The listeners of an emitter, each by its event; several of one event as an array. The public methods copy them. */
interface Emitter {
  readonly _events?: Readonly<Record<string, Listener | readonly Listener[]>>
  readonly _eventsCount?: number
}

/** The listener of an event that has a certain name. */
function listenerOf(emitter: EventEmitter, event: string, name: string): Listener | undefined {
  const listeners = (emitter as Emitter)._events?.[event]
  if (typeof listeners === 'function') return listeners.name === name ? listeners : undefined
  return listeners?.find((listener) => listener.name === name)
}

/** True if requests have a `signal`, as in later versions of Node.js. */
const hasSignal = 'signal' in IncomingMessage.prototype
const responseFinish = channel('http.server.response.finish')

/** The name of a private member of Node.js, if an object has it. */
function privateName(object: object, description: string): symbol | undefined {
  for (const symbol of Object.getOwnPropertySymbols(object)) if (symbol.description === description) return symbol
  return undefined
}

function hasPrivate(object: object, description: string): boolean {
  const name = privateName(object, description)
  return name !== undefined && Boolean((object as Record<symbol, unknown>)[name])
}

/**
 * Stands for the response of a detached connection. Programs that end servers tell from it that the connection is in use, and
 * Node.js that nothing can be sent in place of it, and that it handles no timeout.
 */
const streaming = { headersSent: true, _headerSent: true, finished: false, emit: () => false }

/** Tells if nobody but this package would notice that a request and its response are gone. */
function isUnobserved({ request, response, onClose }: Attached): boolean {
  const { _events: listeners, _eventsCount: listened } = response as Emitter
  return (
    (request as Emitter)._eventsCount === 0 &&
    request.emit === EventEmitter.prototype.emit &&
    request.destroy === Readable.prototype.destroy &&
    listened === 2 &&
    listeners?.close === onClose &&
    (listeners.finish as Listener | undefined)?.name === 'bound resOnFinish' &&
    response.emit === EventEmitter.prototype.emit &&
    response.write === ServerResponse.prototype.write &&
    response.end === OutgoingMessage.prototype.end &&
    response.destroy === OutgoingMessage.prototype.destroy &&
    // A `PerformanceObserver`, `node:trace_events`, and the `signal` of the request.
    !hasPrivate(response, 'ServerResponseStatistics') &&
    !('_traceEventId' in response) &&
    !(hasSignal && hasPrivate(request, 'kAbortController')) &&
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
    listenerOf(server, 'connection', 'connectionListener') !== undefined &&
    // A new parser would begin to count anew.
    !server.maxRequestsPerSocket &&
    request.complete &&
    !request.aborted &&
    request.readableLength === 0 &&
    !response.destroyed &&
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
  /** The end of the response cannot be sent: the connection has ended before. */
  #isCut = false
  /** The reason why the end of the response could not be sent, once it is known. */
  #lost: Error | undefined
  /** Tells the response that its end is sent, if nothing could be written to the connection when it was put back. */
  #finish: ((error?: Error | null) => void) | undefined
  /** The connection ends with the response. */
  #leaves = false
  /** True once everything is sent: the connection ends, or waits for another request. */
  #settled = false
  /** True once the connection waits for another request. */
  #returned = false
  /** True once the response is back on its connection. */
  #isBack = false

  private constructor({ response, socket }: Attached, betweenRequests: boolean) {
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
   * @param onUse Called when the response is on its connection again, because the application uses it.
   * @returns `undefined` if everything stays as it is.
   */
  static of(attached: Attached, onUse: () => void): DetachedSocket | undefined {
    const { request, response } = attached
    const socket: HttpSocket = attached.socket
    if (socket.destroyed || response.writableEnded || !isUnobserved(attached) || !isKnown(attached)) return undefined
    const listeners = parserListeners.map(([event, name]) => listenerOf(socket, event, name))
    if (listeners.includes(undefined)) return undefined
    for (const [event, name] of otherListeners) if (!listenerOf(socket, event, name)) return undefined
    const parser = socket.parser!
    // Node.js now passes bytes to listeners instead of the parser.
    socket.on('data', drop)
    if (parser._consumed !== false) {
      socket.off('data', drop)
      return undefined
    }
    for (let index = 0; index < listeners.length; index++) socket.off(parserListeners[index]![0], listeners[index]!)
    // It reports an error if it has a part of the next request.
    const betweenRequests = !(parser.finish!() instanceof Error)
    parser.remove!()
    parser.close!()
    socket.parser = null
    response.detachSocket(socket)
    const detached = new DetachedSocket(attached, betweenRequests)
    detached.#watch(request, response, onUse)
    socket._httpMessage = streaming
    // First, so that whoever hears of the close finds the response closed.
    socket.on('end', onEnd).prependListener('close', onSocketClose)
    connectionsOf(socket.server as Server).open.add(socket)
    return detached
  }

  /**
   * Notices when the application uses the request or the response, which it may still have, and makes them what Node.js
   * would have made of them by then. Nothing but the application refers to them: not even a `WeakRef`, which would make
   * each of them outlive many collections.
   */
  #watch(request: IncomingMessage, response: ServerResponse, onUse: () => void): void {
    const socket = this.#socket
    const use = () => {
      unwatchRequest()
      unwatchResponse()
      const finishes = this.#ended && !this.#isCut && finishesCut(response)
      // Not `socket.closed`, which is true before anyone is told.
      const closed = !connectionsOf(socket.server as Server).open.has(socket)
      if (this.#settled || ((closed || this.#lost) && finishes)) endBoth(request, response)
      else if (closed) {
        // It keeps what it could not send.
        if (this.#isCut) response.end()
        if (this.#lost) setPrivate(response, 'kFlushError', this.#lost)
        Object.assign(response, { socket, finished: this.#ended, destroyed: true, _closed: true })
        closeRequest(request, { aborted: true }, { errored: abortError() })
      } else {
        this.#putBack(request, response)
        if (this.#isCut) response.end()
        else if (this.#ended && socket.writable) endAgain(response)
        else if (this.#ended) {
          Object.assign(response, { finished: true })
          if (this.#lost) setPrivate(response, 'kFlushError', this.#lost)
          this.#finish = (error) => {
            if (error && !finishes) return tellOfEnd(response, error)
            setPrivate(response, 'kWritableFinished')
            tellOfEnd(response, null)
            response.emit('finish')
          }
        } else onUse()
      }
    }
    // Methods of later versions of Node.js do not read it by the watched name.
    Object.assign(response, { socket })
    const unwatchRequest = watch(request, requestFields, use)
    const unwatchResponse = watch(response, responseFields, use)
  }

  #putBack(request: IncomingMessage, response: ServerResponse): void {
    const socket = this.#socket
    const onDrain = () => {
      if (!response.writableNeedDrain) return
      setPrivate(response, 'kNeedDrain', false)
      response.emit('drain')
    }
    const onSocketClosed = () => abort(request)
    // A connection that breaks aborts its request before it closes its response.
    socket.on('drain', onDrain).on('close', onSocketClosed)
    socket._httpMessage = null
    response.assignSocket(socket)
    this.#isBack = true
    response.once('finish', () => {
      socket.off('drain', onDrain).off('close', onSocketClosed)
      this.#settle()
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
    this.#leaves = leave
    const sent = () => {
      // A response that was put back meanwhile does so when it has finished.
      if (!this.#isBack) this.#settle()
      onSent()
    }
    if (socket.writable) {
      socket.write(this.#chunked ? '0\r\n\r\n' : '', (error) => {
        this.#finish?.(error)
        if (error) this.#lost = error
        else sent()
      })
    } else {
      this.#isCut = true
      socket.once('finish', onSent)
      socket.destroySoon()
    }
  }

  /** Ends the connection at once, unless the server has it for another request. */
  destroy(): void {
    if (!this.#returned) this.#socket.destroy()
  }

  /** Waits for another request, or ends the connection. */
  #settle(): void {
    const socket = this.#socket
    this.#settled = true
    if (socket.destroyed) return
    if (this.#leaves) socket.end()
    // Bytes that the client has sent meanwhile are lost.
    else if (!this.#keepsAlive || socket.bytesRead > this.#bytesRead || !socket.writable) socket.destroySoon()
    else {
      this.#returned = true
      rest(socket)
    }
  }
}

/** A request or a response of which someone wants to know that it is used. */
interface Watched {
  [onUse]?: (() => void) | undefined
  [member: string]: unknown
}

const onUse: unique symbol = Symbol('onUse')

/** Methods that tell of use. Middleware that wraps one keeps nothing but the function, so nothing else would tell of it. */
const watchedMethods = [
  ...['emit', 'removeAllListeners', 'destroy', 'setTimeout', 'write', 'end', 'cork', 'uncork', 'addTrailers'],
  ...['assignSocket', 'detachSocket', 'eventNames', 'listenerCount', 'listeners', 'rawListeners'],
  ...['read', 'resume', 'pause', 'pipe', 'push', 'unshift'],
]
/** Fields that depend on the connection, but for those that are computed from others in all versions of Node.js. */
const watchedFields = [
  ...['destroyed', 'closed', 'errored', 'socket', 'connection', 'finished', 'writableFinished', 'writableLength'],
  ...['aborted', 'readable', 'readableAborted', 'readableEnded', 'readableFlowing'],
]
/** The watched fields that objects have themselves, with their values before anything has happened. */
const requestFields = { aborted: false }
const responseFields = { destroyed: false, finished: false, socket: null }

/** The prototypes of watched objects, by those they had before. Accessors on each object would take ten times as long. */
const watchedPrototypes = new WeakMap<object, object>()

function watchedPrototypeOf(prototype: object): object {
  let watched = watchedPrototypes.get(prototype)
  if (!watched) {
    watched = Object.create(prototype) as object
    for (const name of [...watchedMethods, ...watchedFields]) {
      if (!(name in prototype || name in requestFields || name in responseFields)) continue
      Object.defineProperty(watched, name, {
        get(this: Watched) {
          this[onUse]?.()
          return this[name]
        },
        set(this: Watched, value: unknown) {
          this[onUse]?.()
          this[name] = value
        },
      })
    }
    watchedPrototypes.set(prototype, watched)
  }
  return watched
}

/**
 * Calls `use` when someone listens to an emitter, calls, wraps or replaces one of its methods, or reads or sets a field
 * that depends on the connection.
 *
 * @param fields Those that the emitter has itself. It gets them back by the undo.
 * @returns Its undo, which `use` MUST call.
 */
function watch(emitter: EventEmitter, fields: Readonly<Record<string, unknown>>, use: () => void): () => void {
  const watched = emitter as unknown as Watched
  const prototype = Object.getPrototypeOf(emitter)
  const watchedPrototype = watchedPrototypeOf(prototype)
  emitter.on('newListener', use)
  for (const name in fields) delete watched[name]
  watched[onUse] = use
  Object.setPrototypeOf(emitter, watchedPrototype)
  return () => {
    // A framework may have given it another, as Express does when a mounted application passes a request on.
    if (Object.prototype.isPrototypeOf.call(watchedPrototype, emitter)) Object.setPrototypeOf(emitter, prototype)
    watched[onUse] = undefined
    Object.assign(emitter, fields)
    emitter.off('newListener', use)
  }
}

function abortError(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

function abort(request: IncomingMessage): void {
  request.destroy(abortError())
}

/** Ends a response whose end is written, but not sent: it has finished when that is sent. */
function endAgain(response: ServerResponse): void {
  Object.assign(response, { _hasBody: false })
  response.end()
}

/** Makes a request and its response what they are after everything is sent. */
function endBoth(request: IncomingMessage, response: ServerResponse): void {
  Object.assign(response, { socket: null, finished: true, destroyed: true, _closed: true })
  setPrivate(response, 'kWritableFinished')
  // Its signal no longer depends on the connection.
  setPrivate(request, 'kAbortSignalDetached')
  closeRequest(request, { _dumped: true }, { ended: true, endEmitted: true })
}

/** True if a response finishes even if its connection is destroyed before its end is sent, as in earlier versions of Node.js. */
function finishesCut(response: ServerResponse): boolean {
  return privateName(response, 'kWritableFinished') === undefined
}

/** Calls the callbacks of `end`, which earlier versions of Node.js take for listeners. @param error Why it cannot be sent. */
function tellOfEnd(response: ServerResponse, error: Error | null): void {
  setPrivate(response, 'kFlushError', error)
  const name = privateName(response, 'kEndCallbacks')
  const callbacks = name && (response as unknown as Record<symbol, ((error: Error | null) => void)[] | null>)[name]
  for (const callback of callbacks || []) callback(error)
}

function setPrivate(object: object, description: string, value: unknown = true): void {
  const name = privateName(object, description)
  if (name) Object.assign(object, { [name]: value })
}

/** Makes a request closed, of which nobody is told: it happened before. One that the application has read was closed then. */
function closeRequest(request: IncomingMessage, fields: object, state: object): void {
  if (request.destroyed) return
  Object.assign(request, fields)
  const { _readableState } = request as { _readableState?: object }
  if (_readableState) Object.assign(_readableState, { ...state, destroyed: true, closed: true, closeEmitted: true })
}

/** Keeps a connection until its client sends another request, as long as Node.js would. */
function rest(socket: HttpSocket): void {
  socket._httpMessage = null
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
  this.off('data', onNextRequest).off('end', onEnd).off('close', onSocketClose)
  for (const [event, name] of otherListeners) {
    const listener = listenerOf(this, event, name)
    if (listener) this.off(event, listener)
  }
  onSocketClose.call(this)
  this.setTimeout(server.timeout)
  const listener = listenerOf(server, 'connection', 'connectionListener')!
  inContextOf(this, () => listener.call(server, this as never))
  // All other listeners have them already.
  listenerOf(this, 'data', 'bound socketOnData')!.call(this, bytes)
}

function drop(): void {}

function onEnd(this: HttpSocket): void {
  this.end()
}

function onSocketClose(this: HttpSocket): void {
  const { open, resting } = connectionsOf(this.server as Server)
  open.delete(this)
  resting.delete(this)
}
