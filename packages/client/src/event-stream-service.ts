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
import type { ConnectionState } from './connection-state.js'
import { ContractDispatcher } from './delivery/contract-dispatcher.js'
import { createCursorStore } from './delivery/cursor-store.js'
import type { EventIterable, EventIterator, IteratorOptions } from './delivery/event-iterator.js'
import type { EventHandler, HandlerList, SubscribeOptions } from './delivery/handler-list.js'
import { takeHistory } from './delivery/history-access.js'
import { Loops } from './delivery/loops.js'
import { StreamErrors } from './delivery/stream-errors.js'
import { takeConnectCalls } from './runtime/connect-calls.js'
import { development } from './runtime/development.js'
import { ConfigurationError } from './runtime/errors.js'
import { decide } from './runtime/guard.js'
import { type StreamErrorContext, takeReports } from './runtime/report-to.js'
import { takeUnreadEvents } from './runtime/unread-events.js'
import { createSharedLink } from './shared/shared-link.js'
import { type Listener, StreamCore } from './stream-core.js'
import type { EventStreamServiceOptions } from './stream-options.js'

// The face of the client: makes a stream of all parts.

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
  readonly #dispatcher: ContractDispatcher
  readonly #errors = new StreamErrors()
  readonly #loops: Loops
  readonly #core: StreamCore

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor(options: EventStreamServiceOptions<Contract>) {
    checkStreamOptions(options as EventStreamServiceOptions)
    const { events, clock = systemClock, validate = true, mapMessage, persist = false } = options
    this.#options = options
    const errors = this.#errors
    const dispatcher = new ContractDispatcher({
      contract: events,
      validate,
      mapMessage,
      channels: options.channels,
      clock,
      callbackTimeoutMs: options.callbackTimeoutMs ?? 10_000,
      report: errors.report,
    })
    const loops = new Loops(dispatcher, clock, {
      onStart: () => core.start('connect'),
      onIdle: () => {
        if (!core.connectCalled && core.status !== 'closed') core.close()
      },
    })
    const core = new StreamCore(options.lastEventId ?? '', {
      errors,
      dispatcher,
      loops,
      link: (sink) => createSharedLink(options, clock, sink) ?? new DirectConnection(options, clock, sink),
      store: (source) => createCursorStore(persist, options, clock, source, (error) => errors.report(error, 'persist')),
      isLast: (message) => this.#isLast(message),
    })
    this.#dispatcher = dispatcher
    this.#loops = loops
    this.#core = core
    takeReports(this, (error) => errors.report(error, 'reducer'))
    takeUnreadEvents(this, (listener) => dispatcher.onUnread(listener))
    takeHistory(this, {
      options,
      clock,
      channels: () => dispatcher.progress.have,
      read: (message, id) => dispatcher.read(message, id),
      report: (error) => errors.report(error, 'event'),
    })
    takeConnectCalls(this, {
      wasCalled: () => core.connectCalled,
      undo: () => {
        core.connectCalled = false
        if (loops.size === 0) core.close()
      },
    })
  }

  /** Tells Vue not to make a stream in reactive data a proxy, which could not read private fields. */
  protected get __v_skip(): boolean {
    return true
  }

  /** The current state, as an immutable snapshot that every change replaces. */
  get state(): ConnectionState {
    return this.#core.state
  }

  get status(): ConnectionStatus {
    return this.#core.status
  }

  /**
   * The cursor: the ID up to which every event was delivered; `''` if there is none. An event counts as delivered once each of
   * its handlers was called and each of its loops has read it. A loop that was left counts for another minute, or until the
   * next one takes over from it.
   */
  get lastEventId(): string {
    return this.#core.lastEventId
  }

  /** The time of the last byte, by the stream's clock; `undefined` before the first byte. */
  get lastActivityAt(): number | undefined {
    return this.#core.link.lastActivityAt
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
  connect(options?: { signal?: AbortSignal }): void {
    this.#core.connect(options)
  }

  /**
   * Makes an attempt at once and replaces an existing connection. On a closed stream, it does the same as `connect()`. While
   * the server may be acting on a request that is not `idempotent`, this has no effect.
   */
  reconnect(): void {
    this.#core.reconnect()
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
    const { link } = this.#core
    if (this.#options.shared || !link.setChannels) {
      const fix = development
        ? 'The tabs of a shared stream have the same channels. Omit shared, or create another stream.'
        : ''
      throw new ConfigurationError('setChannels', names, fix)
    }
    return link.setChannels(names)
  }

  /**
   * Ends the connection, any retry and all iterators. No further event is delivered. If a handler makes this call, the other
   * handlers still get the current event.
   */
  close(): void {
    this.#core.close()
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
    return this.#core.onAny(handler, options)
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
    return this.#core.onStatusChange(listener, options)
  }

  /** Calls the listener for every gap: a place where events may be missing. Gaps and events come in order. */
  onGap(listener: Listener<[gap: GapEvent]>, options?: SubscribeOptions): () => void {
    return this.#core.onGap(listener, options)
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
    return this.#core.ends.add(typeof listener === 'function' ? tellOnce : listener, options)
  }

  /**
   * Calls the listener with every error: lost connections, refused requests, invalid events, and exceptions of handlers. The
   * context names the stage that failed. Without a listener, `state` has the connection's errors, iterators throw the error
   * that closed the stream, and all other errors go to the console.
   */
  onError(listener: Listener<[error: unknown, context: StreamErrorContext]>, options?: SubscribeOptions): () => void {
    return this.#core.onError(listener, options)
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
}
