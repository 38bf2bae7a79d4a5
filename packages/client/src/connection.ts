import type { Clock } from '@rivulet/core'
import { createDecoder, type GapEvent, parseControlEvent, type SseMessage } from '@rivulet/core'
import {
  type ConnectionEffect,
  type ConnectionInput,
  type ConnectionStatus,
  initialState,
  type MachineContext,
  type MachineState,
  transition,
} from './connection-machine.js'
import { type RefreshHook, refreshCount, refreshOnce } from './credential-refresh.js'
import {
  CallbackTimeoutError,
  ConfigurationError,
  ConnectionError,
  ContentTypeError,
  HeartbeatTimeoutError,
  HttpStatusError,
  isRetryableStatus,
  StreamClosedByServerError,
} from './errors.js'
import { createLiveness } from './liveness.js'
import { observePage, type PageEvent } from './page-events.js'
import { type RetryOptions, retryPolicy } from './retry-policy.js'
import { openStream, type RequestOptions, readStream } from './transport.js'

/** How a connection is kept. */
export interface ConnectionOptions extends RequestOptions {
  /** When a lost connection is tried again. */
  retry?: RetryOptions
  /**
   * Called when the server answers 401. The request is made again, once, when it resolves; where it rejects the stream
   * closes with that error, so let it retry by itself what is worth it. Streams that share the function share its calls:
   * one is in flight at a time. A call that takes longer than `callbackTimeoutMs` has failed the attempt, not the stream.
   */
  onUnauthorized?: RefreshHook
  /** How long after two missed heartbeats the connection counts as dead, in milliseconds. @default 5_000 */
  heartbeatMarginMs?: number
  /**
   * After how long without a byte a connection counts as dead on streams that announce no heartbeat, in milliseconds.
   * 0: never. @default 0
   */
  idleTimeoutMs?: number
  /** The largest event that is accepted, in bytes. A larger one is skipped: it is reported, and is a gap. @default 1_048_576 */
  maxEventBytes?: number
}

/** What a connection tells of itself. */
export interface ConnectionSnapshot {
  readonly status: ConnectionStatus
  /** Which retry in a row is being made or waited for; 0 for the first attempt and on a stable connection. */
  readonly attempt: number
  /** When the next attempt is made, by the clock; `undefined` when none is scheduled. */
  readonly retryAt: number | undefined
  /** What the last attempt or connection failed with; `undefined` once one succeeded. */
  readonly error: unknown
  /**
   * Whether the server could continue where the last connection ended: `true`, `false`, or `null` where there was
   * nothing to continue. `undefined` while the server has not said, and on foreign streams.
   */
  readonly recovered: boolean | null | undefined
  /** The last gap that the server told of since `connect()`. */
  readonly gap: GapEvent | undefined
}

export const idleSnapshot: ConnectionSnapshot = {
  status: 'idle',
  attempt: 0,
  retryAt: undefined,
  error: undefined,
  recovered: undefined,
  gap: undefined,
}

/** A connection as the service sees it: one of its own, or one that several tabs share. */
export interface StreamLink {
  /** Up to where events were received: where a reconnection continues. */
  lastEventId: string
  readonly snapshot: ConnectionSnapshot
  /** When a byte came last; `undefined`: never. */
  readonly lastActivityAt: number | undefined
  send(input: { readonly type: 'connect' | 'close' | 'reconnect' | 'ended' }): void
}

/** Where what a connection receives goes, in order. None of these may throw. */
export interface ConnectionSink {
  /**
   * An event of the application. `id` is its own, `undefined` where it has none; `positioned` says that IDs are positions
   * that only ever rise.
   */
  message(message: SseMessage, id: string | undefined, positioned: boolean): void
  /** The last event ID changed without an event. */
  cursor(id: string): void
  gap(gap: GapEvent): void
  /** What an attempt or connection failed with. */
  error(error: unknown): void
  /** Something that `status`, … tell has changed. */
  changed(): void
  /** A promise when nothing more should be read until it is settled. */
  ready(): Promise<void> | undefined
}

/** Browsers break off the requests of a page at some time of a navigation, some before the next page answers. */
const leavingMs = 10_000

/** A longer cursor is not sent, as servers refuse requests of more than 8 KiB: encoded, a character takes up to three bytes. */
const maxCursorLength = 2_600

/** Runs the machine: carries out its effects, and tells it what happens. */
export class DirectConnection implements StreamLink {
  lastEventId = ''

  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  readonly #hook: RefreshHook
  readonly #context: Pick<MachineContext, 'policy' | 'canRefresh'>
  readonly #liveness
  #machine: MachineState = initialState
  #recovered: boolean | null | undefined
  #gap: GapEvent | undefined
  #serverRetryMs: number | undefined
  /** What the server announced, in this connection or, until it says so again, in one before. */
  #heartbeatMs: number | undefined
  /** The attempt or connection of the moment. Whatever belongs to another one is ignored. */
  #current: AbortController | undefined
  /** How often the credential had been refreshed when the attempt began. */
  #refreshes = 0
  /** The server has opened the stream since `connect()`. */
  #opened = false
  /** The server may have acted on a request that must not reach it twice. */
  #acted = false
  /** When the page began to be left. */
  #leftAt = -Infinity
  #timer: unknown
  #stopObserving: (() => void) | undefined

  constructor(options: ConnectionOptions, clock: Clock, sink: ConnectionSink) {
    this.#options = options
    this.#clock = clock
    this.#sink = sink
    this.#hook = options.onUnauthorized ?? (() => {})
    this.#context = {
      policy: retryPolicy(options.retry),
      canRefresh: options.onUnauthorized !== undefined,
    }
    this.#liveness = createLiveness(clock, (idleMs) => {
      this.send({ type: 'lost', error: new HeartbeatTimeoutError(idleMs) })
    })
  }

  get snapshot(): ConnectionSnapshot {
    const { status, attempt, retryAt, error } = this.#machine
    return { status, attempt, retryAt, error, recovered: this.#recovered, gap: this.#gap }
  }

  get lastActivityAt(): number | undefined {
    return this.#liveness.lastActivityAt
  }

  send(input: ConnectionInput): void {
    const { state, effects } = transition(this.#machine, input, {
      ...this.#context,
      serverRetryMs: this.#serverRetryMs,
      mayRepeat: this.#opened || !this.#acted,
      now: this.#clock.now(),
      random: this.#clock.random(),
    })
    if (state === this.#machine) return
    if (input.type === 'connect') this.#gap = undefined
    if (this.#machine.status === 'idle' || this.#machine.status === 'closed') this.#opened = false
    this.#machine = state
    this.#clock.clearTimeout(this.#timer)
    if (state.status === 'closed') {
      this.#stopObserving?.()
      this.#stopObserving = undefined
    } else {
      this.#stopObserving ??= observePage((event) => this.#onPage(event))
    }
    for (const effect of effects) this.#effects[effect]()
    this.#sink.changed()
    // A 401 that a refresh may cure is no error yet.
    if (!('error' in input) || effects.includes('refresh')) return
    if (input.type !== 'left' || state.status === 'closed') this.#sink.error(input.error)
  }

  readonly #effects: { readonly [E in ConnectionEffect]: () => void } = {
    open: () => {
      this.#acted = false
      this.#current = new AbortController()
      this.#refreshes = refreshCount(this.#hook)
      void this.#run(this.#current)
    },
    drop: () => {
      this.#liveness.stop()
      this.#current?.abort()
      this.#current = undefined
    },
    refresh: () => {
      const attempt = new AbortController()
      this.#current = attempt
      const settle = (input: ConnectionInput) => {
        if (this.#current === attempt) this.send(input)
      }
      const timeoutMs = this.#options.callbackTimeoutMs ?? 10_000
      refreshOnce(this.#hook, this.#refreshes, { clock: this.#clock, signal: attempt.signal, timeoutMs }).then(
        () => settle({ type: 'refreshed' }),
        (error) => settle({ type: error instanceof CallbackTimeoutError ? 'lost' : 'failed', error }),
      )
    },
    scheduleRetry: () => {
      const delayMs = (this.#machine.retryAt as number) - this.#clock.now()
      this.#timer = this.#clock.setTimeout(() => this.send({ type: 'retryDue' }), delayMs)
    },
    scheduleStable: () => {
      const { stableAfterMs } = this.#context.policy
      this.#timer = this.#clock.setTimeout(() => this.send({ type: 'stable' }), stableAfterMs)
    },
  }

  #onPage(event: PageEvent): void {
    if (event === 'leave') {
      this.#leftAt = this.#clock.now()
      return
    }
    const idleMs = this.#machine.status === 'open' ? this.#liveness.overdueMs() : undefined
    if (idleMs === undefined) this.send({ type: event })
    else this.send({ type: 'stale', error: new HeartbeatTimeoutError(idleMs) })
  }

  async #run(attempt: AbortController): Promise<void> {
    const { signal } = attempt
    const isSendable = this.lastEventId.length <= maxCursorLength
    try {
      const response = await openStream(this.#options, {
        clock: this.#clock,
        signal,
        lastEventId: isSendable ? this.lastEventId : '',
        onSend: (idempotent) => {
          this.#acted = !idempotent
        },
      })
      if (this.#current !== attempt) return void response?.body?.cancel().catch(() => {})
      if (!response) return this.send({ type: 'ended' })
      this.#opened = true
      this.#recovered = undefined
      this.#liveness.touch()
      this.#expectHeartbeat()
      const receive = this.#receiver(attempt)
      if (!isSendable) this.#announce({ type: 'rivulet:gap', reason: 'oversized' })
      this.send({ type: 'opened' })
      await readStream(response, signal, receive)
    } catch (error) {
      if (this.#current !== attempt) return
      if (error instanceof HttpStatusError && declinedStatuses.includes(error.status)) this.#acted = false
      const isLeaving = error instanceof ConnectionError && this.#clock.now() - this.#leftAt < leavingMs
      this.send(isLeaving ? { type: 'left', error } : inputOf(error))
    }
  }

  #expectHeartbeat(): void {
    const { heartbeatMarginMs = 5_000, idleTimeoutMs = 0 } = this.#options
    this.#liveness.expect(this.#heartbeatMs ? 2 * this.#heartbeatMs + heartbeatMarginMs : idleTimeoutMs)
  }

  #announce(gap: GapEvent): void {
    this.#gap = gap
    this.#sink.gap(gap)
    this.#sink.changed()
  }

  /** Takes the chunks of one connection, until that is no longer the current one. */
  #receiver(attempt: AbortController): (chunk: Uint8Array) => Promise<void> | undefined {
    const sink = this.#sink
    let positioned = false
    let lastId = this.lastEventId

    const moveTo = (id: string): void => {
      lastId = id
      this.lastEventId = id
      sink.cursor(id)
    }

    const onMessage = (message: SseMessage, id: string | undefined): void => {
      if (this.#current !== attempt) return
      const isControl = message.event.startsWith('rivulet:')
      // By a block that held an ID alone, or by the first event, in which the server may say where the stream begins.
      if ((isControl || id === undefined) && message.lastEventId !== lastId) moveTo(message.lastEventId)
      if (isControl) {
        const control = parseControlEvent(message)
        if (control?.type === 'rivulet:open') {
          positioned = true
          this.#recovered = control.recovered
          this.#heartbeatMs = control.heartbeatMs
          this.#expectHeartbeat()
          sink.changed()
        } else if (control?.type === 'rivulet:gap') this.#announce(control)
        else if (control?.type === 'rivulet:close') {
          const error = new StreamClosedByServerError(control.reason, control.retry)
          this.send(control.retry ? { type: 'lost', error } : { type: 'failed', error })
        }
        return
      }
      if (positioned && message.event === 'heartbeat') return
      if (id !== undefined) {
        lastId = id
        this.lastEventId = id
      }
      sink.message(message, id, positioned)
    }

    const decoder = createDecoder({
      lastEventId: lastId,
      maxEventBytes: this.#options.maxEventBytes,
      onMessage,
      onRetry: (milliseconds) => {
        this.#serverRetryMs = milliseconds
      },
      onTooLarge: (error) => {
        if (this.#current !== attempt) return
        this.#announce({ type: 'rivulet:gap', reason: 'oversized' })
        if (error.lastEventId !== undefined) moveTo(error.lastEventId)
        sink.error(error)
      },
    })

    return (chunk) => {
      this.#liveness.touch()
      decoder.feed(chunk)
      if (this.#current !== attempt) return
      if (decoder.lastEventId !== lastId) moveTo(decoder.lastEventId)
      if (sink.ready()) return this.#untilReady(attempt)
    }
  }

  async #untilReady(attempt: AbortController): Promise<void> {
    this.#liveness.pause()
    // What one wait was for may have given reason for another.
    for (let ready = this.#sink.ready(); ready; ready = this.#sink.ready()) await ready
    if (this.#current === attempt) this.#liveness.touch()
  }
}

/** By these a server says that it has not acted on the request. */
const declinedStatuses = [401, 408, 425, 429, 503]

function inputOf(error: unknown): ConnectionInput {
  if (error instanceof HttpStatusError) {
    if (error.status === 401) return { type: 'unauthorized', error }
    if (isRetryableStatus(error.status)) return { type: 'lost', error, retryAfterMs: error.retryAfterMs }
    return { type: 'failed', error }
  }
  const final = error instanceof ContentTypeError || error instanceof ConfigurationError
  return { type: final ? 'failed' : 'lost', error }
}
