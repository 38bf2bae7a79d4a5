import {
  type BaseEvent,
  type Clock,
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
import { checkIteratorOptions, checkStreamOptions } from './check-options.js'
import {
  type ConnectionOptions,
  type ConnectionSink,
  type ConnectionSnapshot,
  DirectConnection,
  type StreamLink,
} from './connection.js'
import type { ConnectionStatus } from './connection-machine.js'
import { type CursorStore, createCursorStore, type PersistOptions } from './cursor-store.js'
import { Dispatcher } from './dispatcher.js'
import { type EventIterable, EventIterator, type IteratorOptions, type Unread } from './event-iterator.js'
import { decide } from './guard.js'
import { HandlerList, type SubscribeOptions } from './handler-list.js'
import { takeReports } from './report-to.js'
import { createSharedLink, type SharedOptions } from './shared-link.js'
import type { MappedEvent } from './typed-event.js'

export interface EventStreamServiceOptions<Contract extends EventContract = EventContract> extends ConnectionOptions {
  /** The contract: types the handlers, and validates what comes. Without one, events are taken as they come. */
  events?: Contract
  /**
   * Whether received payloads are validated. `false` trusts the server and saves the time; use it only where no schema
   * transforms, as handlers then get what the wire carries.
   * @default true
   */
  validate?: boolean
  /**
   * Makes typed events of a foreign stream's messages, where those don't follow Rivulet's wire. `undefined` skips a
   * message; what it throws goes to `onError`. The payload is validated by the contract as usual.
   */
  mapMessage?: (message: SseMessage) => MappedEvent | undefined
  /**
   * Says that a foreign stream is complete, for example at `data === '[DONE]'`. The message is not handed on, and the
   * stream closes without an error.
   */
  until?: (message: SseMessage) => boolean
  /**
   * Where to begin: the ID of the last event that is known already, for example what a page was rendered from.
   * @default '': at the present
   */
  lastEventId?: string
  /**
   * Keeps the cursor over a reload, so that a page continues where the one before it ended. Counts only where no
   * `lastEventId` is given.
   * @default false
   */
  persist?: boolean | PersistOptions
  /**
   * Gives all tabs of the origin that make the same request for the same user one connection: one of them holds it, the
   * others get the events from it, and when it goes away the next one takes over where it was. Name the user:
   * `shared: { key: user.id }`. `true` is enough for a stream without cookies (`credentials: 'omit'`) and `headers`. The
   * server's `replay` and `snapshot` concern connections, so a tab that joins later does not get them. Where the browser
   * lacks Web Locks or `BroadcastChannel`, or forbids them, the stream has its own connection.
   * @default false
   */
  shared?: boolean | SharedOptions
  /** Time and chance, for tests. @default the system's */
  clock?: Clock
}

/** What a stream is doing. Never changed, only replaced: the same object means that nothing happened. */
export interface ConnectionState extends ConnectionSnapshot {
  /** The last event ID when this state began; `stream.lastEventId` tells the current one. */
  readonly lastEventId: string
  /** When a byte came last before this state began; `stream.lastActivityAt` tells the current time. */
  readonly lastActivityAt: number | undefined
}

/** An event's handler. Returning a promise is fine: its rejection is reported. */
export type EventHandler<Event> = (event: Event) => unknown

type AnyIterator = Pick<EventIterator<unknown>, 'stop' | 'end' | 'unread' | 'isDone'>
type Listener<T extends unknown[]> = (...values: T) => unknown

/**
 * A stream of typed events: connects, reconnects, resumes where it was, and tells where it could not.
 *
 * Nothing happens before `connect()`. Handlers stay registered over `close()` and a later `connect()`.
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
  readonly #errorListeners = new HandlerList<unknown>()
  readonly #iterators = new Set<AnyIterator>()
  readonly #pausing = new Set<AnyIterator>()
  /** Iterators that may hold what nobody has read. */
  readonly #readers = new Set<AnyIterator>()
  /** Of these, those whose loop was left, by what they iterate over: the next loop goes on there. */
  readonly #left = new WeakMap<object, unknown>()
  #resumed: { promise: Promise<void>; resolve: () => void } | undefined
  #state: ConnectionState
  /** Aborts with the next `close()`: what was registered until then is removed. */
  #closing = new AbortController()
  /** `connect()` was called, so the stream is not closed with its last iterator. */
  #connectCalled = false
  /** Iterators throw what closed the stream, so nobody needs to be told by the console. */
  #thrown = false
  readonly #report = (error: unknown): void => this.#onError(error)

  /** @throws {ConfigurationError} when an option makes no sense. */
  constructor(options: EventStreamServiceOptions<Contract>) {
    checkStreamOptions(options as EventStreamServiceOptions)
    const { events, clock = systemClock, validate = true, mapMessage, persist = false } = options
    this.#options = options
    this.#dispatcher = new Dispatcher({
      contract: events,
      validate,
      mapMessage,
      clock,
      callbackTimeoutMs: options.callbackTimeoutMs ?? 10_000,
      report: this.#report,
    })
    const sink: ConnectionSink = {
      message: (message, id, positioned) => {
        if (this.#isLast(message)) this.#link.send({ type: 'ended' })
        else this.#dispatcher.message(message, id, positioned)
      },
      cursor: (id) => this.#dispatcher.moveTo(id),
      gap: (gap) => this.#dispatcher.gap(gap),
      error: (error) => this.#onError(error, this.#errorListeners.size > 0 || this.status !== 'closed' || this.#thrown),
      changed: () => this.#onChange(),
      ready: () => this.#dispatcher.drained ?? this.#resumed?.promise,
    }
    this.#link = createSharedLink(options, clock, sink) ?? new DirectConnection(options, clock, sink)
    this.#store = createCursorStore(persist, options, clock, () => this.lastEventId, this.#report)
    this.#startAt(options.lastEventId ?? '')
    this.#state = this.#snapshot()
    takeReports(this, this.#report)
  }

  /** What the stream is doing, as an immutable snapshot that is replaced when something happened. */
  get state(): ConnectionState {
    return this.#state
  }

  get status(): ConnectionStatus {
    return this.#state.status
  }

  /**
   * The cursor: the ID of the last event before which nothing is left to deliver. A handler has an event once it was called,
   * a loop once it has read it. `''` where there is none.
   */
  get lastEventId(): string {
    let slowest: Unread<unknown> | undefined
    for (const reader of this.#readers) {
      const { unread } = reader
      if (reader.isDone) this.#readers.delete(reader)
      if (unread && (!slowest || unread.order < slowest.order)) slowest = unread
    }
    return slowest ? slowest.cursor : this.#dispatcher.lastEventId
  }

  /** When a byte came last, by the clock; `undefined`: never. */
  get lastActivityAt(): number | undefined {
    return this.#link.lastActivityAt
  }

  /** The clock that the stream runs on, and by which `retryAt` and `lastActivityAt` are told. */
  get clock(): Clock {
    return this.#options.clock ?? systemClock
  }

  /** The contract that the stream was made with. */
  get contract(): Contract | undefined {
    return this.#options.events
  }

  /**
   * Connects, and stays connected until `close()`, the stream's end or a final error. Does nothing while that holds.
   * The signal closes the stream when it aborts.
   */
  connect({ signal }: { signal?: AbortSignal } = {}): void {
    if (signal?.aborted) return
    this.#connectCalled = true
    this.#start('connect')
    signal?.addEventListener('abort', () => this.close(), { once: true, signal: this.#closing.signal })
  }

  /** Tries now instead of waiting, replacing a connection that exists; on a closed stream the same as `connect()`. */
  reconnect(): void {
    this.#connectCalled = true
    this.#start('reconnect')
  }

  /**
   * Ends the connection, any retry and all iterators. Inside a handler too, no further event is delivered; the one that the
   * handler was called with still goes to the others.
   */
  close(): void {
    this.#connectCalled = false
    this.#closing.abort()
    this.#closing = new AbortController()
    this.#dispatcher.cancel()
    // What was received but not delivered will be asked for again, unless it waits for the next loop.
    this.#startAt(this.#dispatcher.lastEventId)
    const iterators = [...this.#iterators]
    this.#iterators.clear()
    for (const iterator of iterators) iterator.stop()
    this.#link.send({ type: 'close' })
  }

  /**
   * Calls the handler with each event of a type: by definition, or by a name of the contract.
   *
   * @returns Unsubscribes.
   * @throws {UnknownEventError} when the contract has no event of this name.
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

  /** Calls the handler with each event of the contract, after the handlers of its type. */
  onAny(handler: EventHandler<EventOf<Contract>>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.any.add(handler as EventHandler<BaseEvent>, options)
  }

  /** Calls the handler with each message as it stands in the stream, neither read nor validated: for foreign streams. */
  onMessage(handler: EventHandler<SseMessage>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.raw.add(handler, options)
  }

  /**
   * Iterates over events: of the contract, or of one type. The first `next()` connects a stream that is not connected,
   * and leaving the loop closes it again unless `connect()` was called or another iterator runs. Events are kept from
   * the call on, up to the bound that the options tell. The loop ends when the stream is closed or complete or the
   * signal aborts, and throws what closed the stream for good.
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

  /** Iterates over messages as they stand in the stream, as `events` does over events. */
  messages(options?: IteratorOptions): EventIterable<SseMessage> {
    return this.#iterate(this.#dispatcher.raw, options)
  }

  /** Calls the listener whenever `state` is replaced. */
  onStatusChange(
    listener: Listener<[state: ConnectionState, previous: ConnectionState]>,
    options?: SubscribeOptions,
  ): () => void {
    return this.#statusListeners.add(([state, previous]) => listener(state, previous), options)
  }

  /** Calls the listener where events may be missing that the server could not give, in order with the events. */
  onGap(listener: Listener<[gap: GapEvent]>, options?: SubscribeOptions): () => void {
    return this.#dispatcher.gaps.add(listener, options)
  }

  /**
   * Calls the listener with everything that goes wrong: lost connections, refused requests, invalid events, and what
   * handlers throw. Without a listener, what concerns the connection is told by `state`, what closed the stream is thrown by
   * its iterators, and the rest goes to the console.
   */
  onError(listener: Listener<[error: unknown]>, options?: SubscribeOptions): () => void {
    return this.#errorListeners.add(listener, options)
  }

  #start(type: 'connect' | 'reconnect'): void {
    if (this.#dispatcher.lastEventId === '' && this.#store) this.#startAt(this.#store.load())
    this.#link.send({ type })
  }

  #startAt(id: string): void {
    this.#dispatcher.startAt(id)
    this.#link.lastEventId = id
  }

  #handlersOf(event: string | EventDefinition): HandlerList<BaseEvent> {
    if (typeof event === 'object') return this.#dispatcher.typed(event.type, event.schema)
    const { events } = this.#options
    if (events && !Object.hasOwn(events, event)) throw new UnknownEventError(event, Object.keys(events))
    return this.#dispatcher.typed(event)
  }

  #iterate<T>(handlers: HandlerList<T>, options: IteratorOptions = {}): EventIterator<T> {
    checkIteratorOptions(options)
    const { signal, resume = true } = options
    const stop = () => iterator.stop()
    const left = (this.#left.get(handlers) ?? []) as EventIterator<T>[]
    this.#left.set(handlers, left)
    const iterator: EventIterator<T> = new EventIterator<T>(options, {
      onStart: () => this.#start('connect'),
      onPause: (paused) => this.#onPause(iterator, paused),
      onEnd: () => {
        signal?.removeEventListener('abort', stop)
        const last = this.#iterators.delete(iterator) && this.#iterators.size === 0
        if (last && !this.#connectCalled && this.status !== 'closed') this.close()
      },
      onLeave: () => {
        left.push(iterator)
        // The next loop begins soon, if at all: what comes until then has no other place than this buffer.
        this.#onPause(iterator, true)
        void afterTurns(20).then(() => this.#onPause(iterator, false))
      },
      onRefuse: () => unsubscribe(),
    })
    const unsubscribe = handlers.add((value) => iterator.push(value, this.#dispatcher.order, this.#dispatcher.cursor))
    this.#iterators.add(iterator)
    this.#readers.add(iterator)
    if (!resume) for (const old of left.splice(0)) old.drop()
    const before = left.pop()
    if (before && !iterator.takeOver(before)) this.#dispatcher.gap({ type: 'rivulet:gap', reason: 'lagged' })
    signal?.addEventListener('abort', stop)
    if (signal?.aborted) stop()
    return iterator
  }

  #onPause(iterator: AnyIterator, paused: boolean): void {
    if (paused) {
      this.#pausing.add(iterator)
      this.#resumed ??= withResolvers()
    } else {
      this.#pausing.delete(iterator)
      if (this.#pausing.size > 0) return
      this.#resumed?.resolve()
      this.#resumed = undefined
    }
  }

  #isLast(message: SseMessage): boolean {
    try {
      const { until } = this.#options
      return until !== undefined && decide('until', until, message)
    } catch (error) {
      this.#report(error)
      return false
    }
  }

  #onChange(): void {
    const previous = this.#state
    this.#state = this.#snapshot()
    this.#store?.keep(this.#state.status !== 'closed' && this.#state.status !== 'idle')
    if (this.#state.status === 'closed' && previous.status !== 'closed') {
      const { error } = this.#state
      const failure = error === undefined ? undefined : { error }
      this.#thrown = this.#iterators.size > 0
      this.#dispatcher.inOrder(() => {
        for (const iterator of this.#iterators) iterator.end(failure)
      })
    }
    this.#statusListeners.emit([this.#state, previous], this.#report)
  }

  #snapshot(): ConnectionState {
    const { lastEventId, lastActivityAt } = this
    return { ...this.#link.snapshot, lastEventId, lastActivityAt }
  }

  #onError(error: unknown, quiet: boolean = this.#errorListeners.size > 0): void {
    if (!quiet) log(error)
    // A listener that throws cannot be told to itself.
    this.#errorListeners.emit(error, log)
  }
}

function log(error: unknown): void {
  try {
    console.error(error)
  } catch {
    // Showing it runs code of its own.
  }
}

/** Waits for so many microtasks. */
async function afterTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
