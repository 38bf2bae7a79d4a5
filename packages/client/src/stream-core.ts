import type { BaseEvent, EndEvent, GapEvent, SseMessage } from '@rivulet/core'
import type { ConnectionStatus } from './connection/connection-machine.js'
import type { ConnectionSink, StreamLink } from './connection/stream-link.js'
import type { ConnectionState } from './connection-state.js'
import type { CursorSource, CursorStore } from './delivery/cursor-store.js'
import type { Dispatcher } from './delivery/dispatcher.js'
import { type EventHandler, HandlerList, type SubscribeOptions } from './delivery/handler-list.js'
import type { Loops } from './delivery/loops.js'
import type { StreamErrors } from './delivery/stream-errors.js'
import { ChannelsRefusedError } from './runtime/errors.js'
import type { StreamErrorContext } from './runtime/report-to.js'

// Connects the parts of a stream: what its connection brings goes to the dispatcher, and the cursor back to the connection.

export type Listener<T extends unknown[]> = (...values: T) => unknown

/** Parts of a stream. Those that are absent are not in an application's bundle. */
export interface StreamParts {
  readonly errors: StreamErrors
  readonly dispatcher: Dispatcher
  /** Makes the connection, whose output goes to the sink. */
  link(sink: ConnectionSink): StreamLink
  /** Keeps the cursor over a reload. */
  store?(source: CursorSource): CursorStore | undefined
  readonly loops?: Loops
  /** Recognizes the last message of a foreign stream. */
  isLast?(message: SseMessage): boolean
}

/** A stream: what its connection brings goes to its handlers. `createEventStream` and `EventStreamService` consist of it. */
export class StreamCore {
  readonly link: StreamLink
  readonly ends: HandlerList<EndEvent> = new HandlerList()
  /** `connect()` was called, so the stream outlives its last iterator. */
  connectCalled = false
  readonly #parts: StreamParts
  readonly #store: CursorStore | undefined
  readonly #statusListeners = new HandlerList<[ConnectionState, ConnectionState]>()
  #state: ConnectionState
  /** Aborts with the next `close()`, which removes the listeners of earlier signals. */
  #closing = new AbortController()
  #names: readonly string[] | undefined
  /** Iterators throw the error that closed the stream, so it need not go to the console. */
  #thrown = false

  constructor(lastEventId: string, parts: StreamParts) {
    this.#parts = parts
    const { dispatcher, errors, loops } = parts
    this.link = parts.link({
      message: (received) => {
        if (parts.isLast?.(received.message)) this.link.send({ type: 'ended' })
        else dispatcher.message(received)
      },
      advance: (step) =>
        dispatcher.inOrder(() => {
          step(dispatcher.progress)
          this.#namesAtCursor()
        }),
      live: () => dispatcher.live(),
      cursor: (id) => dispatcher.moveTo(id),
      gap: (gap, id) => dispatcher.gap(gap, id),
      error: (error) => {
        // The state does not have the error of a stream that stays open.
        const isVisible = !(error instanceof ChannelsRefusedError) && (this.status !== 'closed' || this.#thrown)
        errors.report(error, 'connection', isVisible)
      },
      changed: () => this.#onChange(),
      ready: () => dispatcher.drained ?? loops?.resumed,
    })
    this.#store = parts.store?.(() => [this.lastEventId, this.#namesAtCursor(), dispatcher.isPositioned])
    this.#startAt(lastEventId)
    this.#state = this.#snapshot()
  }

  get state(): ConnectionState {
    return this.#state
  }

  get status(): ConnectionStatus {
    return this.#state.status
  }

  get lastEventId(): string {
    return this.#parts.loops?.cursor ?? this.#parts.dispatcher.lastEventId
  }

  connect({ signal }: { signal?: AbortSignal } = {}): void {
    if (signal?.aborted) return
    this.connectCalled = true
    this.start('connect')
    if (!signal) return
    const stop = () => this.close()
    signal.addEventListener('abort', stop)
    // Not by the option `signal` of the listener, which React Native ignores.
    this.#closing.signal.addEventListener('abort', () => signal.removeEventListener('abort', stop))
  }

  reconnect(): void {
    this.connectCalled = true
    this.start('reconnect')
  }

  close(): void {
    const { dispatcher, loops } = this.#parts
    this.connectCalled = false
    this.#closing.abort()
    this.#closing = new AbortController()
    dispatcher.cancel()
    // The next connection asks again for received but undelivered events, unless they wait for the next loop.
    this.#startAt(dispatcher.lastEventId)
    loops?.stop()
    this.link.send({ type: 'close' })
  }

  on(type: string, handler: EventHandler<never>, options?: SubscribeOptions): () => void {
    return this.#parts.dispatcher.typed(type).add(handler as EventHandler<BaseEvent>, options)
  }

  onAny(handler: EventHandler<never>, options?: SubscribeOptions): () => void {
    return this.#parts.dispatcher.any.add(handler as EventHandler<BaseEvent>, options)
  }

  onStatusChange(
    listener: Listener<[state: ConnectionState, previous: ConnectionState]>,
    options?: SubscribeOptions,
  ): () => void {
    return this.#statusListeners.add(([state, previous]) => listener(state, previous), options)
  }

  onGap(listener: Listener<[gap: GapEvent]>, options?: SubscribeOptions): () => void {
    return this.#parts.dispatcher.gaps.add(listener, options)
  }

  onError(listener: Listener<[error: unknown, context: StreamErrorContext]>, options?: SubscribeOptions): () => void {
    return this.#parts.errors.add(listener, options)
  }

  start(type: 'connect' | 'reconnect'): void {
    const { dispatcher } = this.#parts
    if (dispatcher.lastEventId === '' && this.#store) {
      const [id, names] = this.#store.load()
      if (names) dispatcher.progress.have = names
      this.#startAt(id)
    }
    this.link.send({ type })
  }

  #startAt(id: string): void {
    const { dispatcher } = this.#parts
    dispatcher.startAt(id)
    this.link.lastEventId = id
    this.link.progress?.copy(dispatcher.progress)
  }

  /** Returns the names for which `lastEventId` counts: while a loop is behind, only those that stay. */
  #namesAtCursor(): readonly string[] | undefined {
    const { dispatcher, loops } = this.#parts
    const { have } = dispatcher.progress
    const isBehind = loops?.cursor !== undefined
    this.#names = isBehind ? this.#names?.filter((name) => have?.includes(name)) : have
    return this.#names
  }

  #onChange(): void {
    const { dispatcher, errors, loops } = this.#parts
    const previous = this.#state
    this.#state = this.#snapshot()
    this.#store?.keep(this.#state.status !== 'closed' && this.#state.status !== 'idle')
    if (this.#state.status === 'closed' && previous.status !== 'closed') {
      const { error, ended } = this.#state
      const failure = error === undefined ? undefined : { error }
      this.#thrown = (loops?.size ?? 0) > 0
      dispatcher.inOrder(() => {
        loops?.end(failure)
        if (ended) this.ends.emit(ended, errors.report)
      })
    }
    this.#statusListeners.emit([this.#state, previous], errors.report)
  }

  #snapshot(): ConnectionState {
    return { ...this.link.snapshot, lastEventId: this.lastEventId, lastActivityAt: this.link.lastActivityAt }
  }
}
