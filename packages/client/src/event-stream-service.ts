import {
  type BaseEvent,
  type Clock,
  type EndEvent,
  type EventContract,
  type EventDefinition,
  type EventOf,
  type EventOfDefinition,
  type EventType,
  type GapEvent,
  type SseMessage,
  systemClock,
  UnknownEventError,
} from '@rivulet/core'
import { checkChannels, checkIteratorOptions, checkStreamOptions } from './check-options.js'
import type { ConnectionStatus } from './connection/connection-machine.js'
import { DirectConnection } from './connection/direct-connection.js'
import type { ConnectionSink, StreamLink } from './connection/stream-link.js'
import type { ConnectionState } from './connection-state.js'
import { type CursorStore, createCursorStore } from './delivery/cursor-store.js'
import { Dispatcher } from './delivery/dispatcher.js'
import type { EventIterable, EventIterator, IteratorOptions } from './delivery/event-iterator.js'
import { type EventHandler, HandlerList, type SubscribeOptions } from './delivery/handler-list.js'
import { takeHistory } from './delivery/history-access.js'
import { Loops } from './delivery/loops.js'
import { StreamErrors } from './delivery/stream-errors.js'
import { takeConnectCalls } from './runtime/connect-calls.js'
import { development } from './runtime/development.js'
import { ChannelsRefusedError, ConfigurationError } from './runtime/errors.js'
import { decide } from './runtime/guard.js'
import { type StreamErrorContext, takeReports } from './runtime/report-to.js'
import { takeUnreadEvents } from './runtime/unread-events.js'
import { createSharedLink } from './shared/shared-link.js'
import type { EventStreamServiceOptions } from './stream-options.js'

type Listener<T extends unknown[]> = (...values: T) => unknown

/**
 * A stream of typed events. It connects, reconnects and resumes at its cursor. If it cannot resume, it reports a gap.
 *
 * Nothing happens before `connect()`. Handlers stay registered through `close()` and a later `connect()`.
 *
 * @example
 * const stream = new EventStreamService({ url: '/events', events })
 * stream.on(events.log, ({ level, message }) => console.log(level, message))
 * stream.connect()
 */
export class EventStreamService<Contract extends EventContract = EventContract> {
  readonly #options: EventStreamServiceOptions<Contract>
  readonly #link: StreamLink
  readonly #dispatcher: Dispatcher
  readonly #store: CursorStore | undefined
  readonly #statusListeners = new HandlerList<[ConnectionState, ConnectionState]>()
  readonly #endListeners = new HandlerList<EndEvent>()
  readonly #errors = new StreamErrors()
  readonly #loops: Loops
  #state: ConnectionState
  /** Aborts with the next `close()`, which removes the listeners of earlier signals. */
  #closing = new AbortController()
  /** `connect()` was called, so the stream outlives its last iterator. */
  #connectCalled = false
  #names: readonly string[] | undefined
  /** Iterators throw the error that closed the stream, so it need not go to the console. */
  #thrown = false

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor(options: EventStreamServiceOptions<Contract>) {
    checkStreamOptions(options as EventStreamServiceOptions)
    const { events, clock = systemClock, validate = true, mapMessage, persist = false } = options
    this.#options = options
    this.#dispatcher = new Dispatcher({
      contract: events,
      validate,
      mapMessage,
      channels: options.channels,
      clock,
      callbackTimeoutMs: options.callbackTimeoutMs ?? 10_000,
      report: this.#errors.report,
    })
    this.#loops = new Loops(this.#dispatcher, clock, {
      onStart: () => this.#start('connect'),
      onIdle: () => {
        if (!this.#connectCalled && this.status !== 'closed') this.close()
      },
    })
    const sink: ConnectionSink = {
      message: (message, ...facts) => {
        if (this.#isLast(message)) this.#link.send({ type: 'ended' })
        else this.#dispatcher.message(message, ...facts)
      },
      advance: (step) =>
        this.#dispatcher.inOrder(() => {
          step(this.#dispatcher.progress)
          this.#namesAtCursor()
        }),
      live: () => this.#dispatcher.live(),
      cursor: (id) => this.#dispatcher.moveTo(id),
      gap: (gap, id) => this.#dispatcher.gap(gap, id),
      error: (error) => {
        // The state does not have the error of a stream that stays open.
        const isVisible = !(error instanceof ChannelsRefusedError) && (this.status !== 'closed' || this.#thrown)
        this.#errors.report(error, 'connection', isVisible)
      },
      changed: () => this.#onChange(),
      ready: () => this.#dispatcher.drained ?? this.#loops.resumed,
    }
    this.#link = createSharedLink(options, clock, sink) ?? new DirectConnection(options, clock, sink)
    this.#store = createCursorStore(
      persist,
      options,
      clock,
      () => [this.lastEventId, this.#namesAtCursor(), this.#dispatcher.isPositioned],
      (error) => this.#errors.report(error, 'persist'),
    )
    this.#startAt(options.lastEventId ?? '')
    this.#state = this.#snapshot()
    takeReports(this, (error) => this.#errors.report(error, 'reducer'))
    takeUnreadEvents(this, (listener) => this.#dispatcher.unread.add(listener))
    takeHistory(this, {
      options,
      clock,
      channels: () => this.#dispatcher.progress.have,
      read: (message, id) => this.#dispatcher.read(message, id),
      report: (error) => this.#errors.report(error, 'event'),
    })
    takeConnectCalls(this, {
      wasCalled: () => this.#connectCalled,
      undo: () => {
        this.#connectCalled = false
        if (this.#loops.size === 0) this.close()
      },
    })
  }

  /** Tells Vue not to make a stream in reactive data a proxy, which could not read private fields. */
  protected get __v_skip(): boolean {
    return true
  }

  /** The current state, as an immutable snapshot that every change replaces. */
  get state(): ConnectionState {
    return this.#state
  }

  get status(): ConnectionStatus {
    return this.#state.status
  }

  /**
   * The cursor: the ID up to which every event was delivered; `''` if there is none. An event counts as delivered once each of
   * its handlers was called and each of its loops has read it. A loop that was left counts for another minute, or until the
   * next one takes over from it.
   */
  get lastEventId(): string {
    return this.#loops.cursor ?? this.#dispatcher.lastEventId
  }

  /** The time of the last byte, by the stream's clock; `undefined` before the first byte. */
  get lastActivityAt(): number | undefined {
    return this.#link.lastActivityAt
  }

  /** The clock of the stream. `retryAt` and `lastActivityAt` are its times. */
  get clock(): Clock {
    return this.#options.clock ?? systemClock
  }

  /** The contract from the options. */
  get contract(): Contract | undefined {
    return this.#options.events
  }

  /**
   * Connects, and stays connected until `close()`, the stream's end or a final error. Until then, further calls have no
   * effect. The signal closes the stream when it aborts.
   */
  connect({ signal }: { signal?: AbortSignal } = {}): void {
    if (signal?.aborted) return
    this.#connectCalled = true
    this.#start('connect')
    if (!signal) return
    const stop = () => this.close()
    signal.addEventListener('abort', stop)
    // Not by the option `signal` of the listener, which React Native ignores.
    this.#closing.signal.addEventListener('abort', () => signal.removeEventListener('abort', stop))
  }

  /**
   * Makes an attempt at once and replaces an existing connection. On a closed stream, it does the same as `connect()`. While
   * the server may be acting on a request that is not `idempotent`, this has no effect.
   */
  reconnect(): void {
    this.#connectCalled = true
    this.#start('reconnect')
  }

  /**
   * Sets the channels of the stream, while it is connected too. Channels that stay miss nothing. The events that the server keeps
   * of an added channel come first, marked `replayed`; a channel that was removed and is added again begins anew. A later call
   * supersedes an earlier one. The route must allow changes: `changeable: true`, with `streamControl` beside it.
   *
   * @param names Their order does not matter.
   * @returns Settles when the channels are in effect and the events that are kept of the added ones were received; at once if the
   *   stream is not connected, whose next connection asks for them. If the server refuses them, rejects with a
   *   `ChannelsRefusedError`, which also goes to `onError`, and the stream keeps the channels that it has.
   * @throws {ConfigurationError} if they are not a list of names, or if the stream is `shared`.
   */
  setChannels(names: readonly string[]): Promise<void> {
    checkChannels(names)
    if (this.#options.shared || !this.#link.setChannels) {
      const fix = development
        ? 'The tabs of a shared stream have the same channels. Omit shared, or create another stream.'
        : ''
      throw new ConfigurationError('setChannels', names, fix)
    }
    return this.#link.setChannels(names)
  }

  /**
   * Ends the connection, any retry and all iterators. No further event is delivered. If a handler makes this call, the other
   * handlers still get the current event.
   */
  close(): void {
    this.#connectCalled = false
    this.#closing.abort()
    this.#closing = new AbortController()
    this.#dispatcher.cancel()
    // The next connection asks again for received but undelivered events, unless they wait for the next loop.
    this.#startAt(this.#dispatcher.lastEventId)
    this.#loops.stop()
    this.#link.send({ type: 'close' })
  }

  /**
   * Calls the handler with each event of a type, given by its definition or by its name in the contract.
   *
   * @returns Unsubscribes the handler.
   * @throws {UnknownEventError} if the contract has no event of this name.
   */
  on<Definition extends EventDefinition>(
    definition: Definition,
    handler: EventHandler<EventOfDefinition<Definition>>,
    options?: SubscribeOptions,
  ): () => void
  on<Type extends EventType<Contract>>(
    type: Type,
    handler: EventHandler<EventOf<Contract, Type>>,
    options?: SubscribeOptions,
  ): () => void
  on(event: string | EventDefinition, handler: EventHandler<never>, options?: SubscribeOptions): () => void {
    return this.#handlersOf(event).add(handler as EventHandler<BaseEvent>, options)
  }

  /** Like `on`, for the next event only. */
  once<Definition extends EventDefinition>(
    definition: Definition,
    handler: EventHandler<EventOfDefinition<Definition>>,
    options?: SubscribeOptions,
  ): () => void
  once<Type extends EventType<Contract>>(
    type: Type,
    handler: EventHandler<EventOf<Contract, Type>>,
    options?: SubscribeOptions,
  ): () => void
  once(event: string | EventDefinition, handler: EventHandler<never>, options?: SubscribeOptions): () => void {
    return this.#handlersOf(event).add(handler as EventHandler<BaseEvent>, { ...options, once: true })
  }

  /** Removes a handler that `on` or `once` registered. */
  off(event: EventType<Contract> | EventDefinition, handler: EventHandler<never>): void {
    this.#handlersOf(event).delete(handler as EventHandler<BaseEvent>)
  }

  /** Calls the handler with every event of the contract, after the handlers of its type. */
  onAny(handler: EventHandler<EventOf<Contract>>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.any.add(handler as EventHandler<BaseEvent>, options)
  }

  /** Calls the handler with every message, neither parsed nor validated. Use it for foreign streams. */
  onMessage(handler: EventHandler<SseMessage>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.raw.add(handler, options)
  }

  /**
   * Iterates over the events of one type, or of the whole contract. The first `next()` connects the stream if it is not
   * connected. Leaving the loop closes it again, unless `connect()` was called or another iterator runs. Events are
   * buffered from this call on, up to `bufferSize`. The loop ends when the stream is closed or complete, or the signal
   * aborts. A final error of the stream is thrown.
   *
   * @example
   * for await (const { message } of stream.events(events.log)) console.log(message)
   */
  events<Definition extends EventDefinition>(
    definition: Definition,
    options?: IteratorOptions,
  ): EventIterable<EventOfDefinition<Definition>>
  events<Type extends EventType<Contract>>(
    type: Type,
    options?: IteratorOptions,
  ): EventIterable<EventOf<Contract, Type>>
  events(type?: undefined, options?: IteratorOptions): EventIterable<EventOf<Contract>>
  events(event?: string | EventDefinition, options?: IteratorOptions): EventIterable<unknown> {
    return this.#iterate(event === undefined ? this.#dispatcher.any : this.#handlersOf(event), options)
  }

  /** Iterates over unparsed messages, in the same way as `events`. */
  messages(options?: IteratorOptions): EventIterable<SseMessage> {
    return this.#iterate(this.#dispatcher.raw, options)
  }

  /** Calls the listener with every new `state`. */
  onStatusChange(
    listener: Listener<[state: ConnectionState, previous: ConnectionState]>,
    options?: SubscribeOptions,
  ): () => void {
    return this.#statusListeners.add(([state, previous]) => listener(state, previous), options)
  }

  /** Calls the listener for every gap: a place where events may be missing. Gaps and events come in order. */
  onGap(listener: Listener<[gap: GapEvent]>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.gaps.add(listener, options)
  }

  /**
   * Calls the listener each time the stream has caught up: after the events that were published before it connected, or while
   * it was away. Until then, events are `replayed`. Never called on foreign streams.
   */
  onLive(listener: Listener<[]>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.lives.add(listener as () => unknown, options)
  }

  /**
   * Calls the listener when the run has ended, after its last event: once for each end, however often the stream is connected
   * again. A stream that begins at a cursor behind the end, as `persist` gives one to a reloaded page, closes without it: the
   * server says only that nothing follows.
   */
  onEnd(listener: Listener<[end: EndEvent]>, options?: SubscribeOptions): () => void {
    let told: EndEvent | undefined
    const tellOnce = (end: EndEvent): unknown => {
      if (end === told) return undefined
      told = end
      return listener(end)
    }
    return this.#endListeners.add(typeof listener === 'function' ? tellOnce : listener, options)
  }

  /**
   * Calls the listener with every error: lost connections, refused requests, invalid events, and exceptions of handlers. The
   * context names the stage that failed. Without a listener, `state` has the connection's errors, iterators throw the error
   * that closed the stream, and all other errors go to the console.
   */
  onError(listener: Listener<[error: unknown, context: StreamErrorContext]>, options?: SubscribeOptions): () => void {
    return this.#errors.add(listener, options)
  }

  #start(type: 'connect' | 'reconnect'): void {
    if (this.#dispatcher.lastEventId === '' && this.#store) {
      const [id, names] = this.#store.load()
      if (names) this.#dispatcher.progress.have = names
      this.#startAt(id)
    }
    this.#link.send({ type })
  }

  #startAt(id: string): void {
    this.#dispatcher.startAt(id)
    this.#link.lastEventId = id
    this.#link.progress?.copy(this.#dispatcher.progress)
  }

  /** Returns the names for which `lastEventId` counts: while a loop is behind, only those that stay. */
  #namesAtCursor(): readonly string[] | undefined {
    const { have } = this.#dispatcher.progress
    const isBehind = this.#loops.cursor !== undefined
    this.#names = isBehind ? this.#names?.filter((name) => have?.includes(name)) : have
    return this.#names
  }

  #handlersOf(event: string | EventDefinition): HandlerList<BaseEvent> {
    if (typeof event === 'object') return this.#dispatcher.typed(event.type, event.schema)
    const { events } = this.#options
    if (events && !Object.hasOwn(events, event)) throw new UnknownEventError(event, Object.keys(events))
    return this.#dispatcher.typed(event)
  }

  #iterate<T>(handlers: HandlerList<T>, options: IteratorOptions = {}): EventIterator<T> {
    checkIteratorOptions(options)
    return this.#loops.iterate(handlers, options)
  }

  #isLast(message: SseMessage): boolean {
    try {
      const { until } = this.#options
      return until !== undefined && decide('until', until, message)
    } catch (error) {
      this.#errors.report(error, 'until')
      return false
    }
  }

  #onChange(): void {
    const previous = this.#state
    this.#state = this.#snapshot()
    this.#store?.keep(this.#state.status !== 'closed' && this.#state.status !== 'idle')
    if (this.#state.status === 'closed' && previous.status !== 'closed') {
      const { error, ended } = this.#state
      const failure = error === undefined ? undefined : { error }
      this.#thrown = this.#loops.size > 0
      this.#dispatcher.inOrder(() => {
        this.#loops.end(failure)
        if (ended) this.#endListeners.emit(ended, this.#errors.report)
      })
    }
    this.#statusListeners.emit([this.#state, previous], this.#errors.report)
  }

  #snapshot(): ConnectionState {
    const { lastEventId, lastActivityAt } = this
    return { ...this.#link.snapshot, lastEventId, lastActivityAt }
  }
}
