import type { Clock, EndEvent, GapEvent } from '@rivulet/core'
import {
  CallbackTimeoutError,
  ConfigurationError,
  ConnectionError,
  ContentTypeError,
  HeartbeatTimeoutError,
  HttpStatusError,
  isRetryableStatus,
  StreamClosedByServerError,
} from '../runtime/errors.js'
import { observePage, type PageEvent } from '../runtime/page-events.js'
import {
  type ConnectionEffect,
  type ConnectionInput,
  initialState,
  type MachineContext,
  type MachineState,
  transition,
} from './connection-machine.js'
import type { ConnectionOptions } from './connection-options.js'
import { type RefreshHook, refreshCount, refreshOnce } from './credential-refresh.js'
import { createLiveness } from './liveness.js'
import { createReceiver } from './receiver.js'
import { retryPolicy } from './retry-policy.js'
import type { ConnectionSink, ConnectionSnapshot, StreamLink } from './stream-link.js'
import { openStream, readStream } from './transport.js'

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
  #ended: EndEvent | undefined
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
    return { status, attempt, retryAt, error, recovered: this.#recovered, gap: this.#gap, ended: this.#ended }
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
    if (input.type === 'connect') {
      this.#gap = undefined
      this.#ended = undefined
    }
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

  #receiver(attempt: AbortController): (chunk: Uint8Array) => Promise<void> | undefined {
    const sink = this.#sink
    const receive = createReceiver(
      {
        lastEventId: this.lastEventId,
        isCurrent: () => this.#current === attempt,
        moved: (id) => {
          this.lastEventId = id
        },
        opened: ({ recovered, heartbeatMs }) => {
          this.#recovered = recovered
          this.#heartbeatMs = heartbeatMs
          this.#expectHeartbeat()
          sink.changed()
        },
        gap: (gap) => this.#announce(gap),
        closed: ({ reason, retry }) => {
          const error = new StreamClosedByServerError(reason, retry)
          this.send({ type: retry ? 'lost' : 'failed', error })
        },
        ended: (end) => {
          this.#ended = end
          this.send({ type: 'ended' })
        },
        retry: (milliseconds) => {
          this.#serverRetryMs = milliseconds
        },
      },
      sink,
      this.#options.maxEventBytes,
    )
    return (chunk) => {
      this.#liveness.touch()
      receive(chunk)
      if (this.#current === attempt && sink.ready()) return this.#untilReady(attempt)
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
