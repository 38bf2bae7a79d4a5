import type { Clock, EndEvent, GapEvent, OpenEvent } from '@rivulet/core'
import { development } from '../runtime/development.js'
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
import type { Action } from './action.js'
import type { ChannelProgress } from './channel-progress.js'
import {
  type ConnectionEffect,
  type ConnectionInput,
  initialState,
  type MachineContext,
  type MachineState,
  transition,
} from './connection-machine.js'
import type { ConnectionOptions } from './connection-options.js'
import type { Credential } from './credential-refresh.js'
import type { StreamChannels } from './fixed-channels.js'
import { createLiveness } from './liveness.js'
import { createReceiver } from './receiver.js'
import { cursorBytes } from './request.js'
import { retryPolicy } from './retry-policy.js'
import type { ConnectionSink, ConnectionSnapshot, StreamLink } from './stream-link.js'
import { openStream, readStream } from './transport.js'

/** Browsers abort a page's requests during a navigation, and some do so before the next page responds. */
const leavingMs = 10_000

/** The longest encoded cursor in a request, in bytes. Servers refuse more than 8 KiB. */
const maxCursorBytes = 7_800

/** Runs the machine: sends it inputs and carries out its effects. */
export class Connection implements StreamLink {
  lastEventId = ''
  /** The address of the run that the request has started. The request itself is never sent again. */
  location: string | undefined
  /** The server has said that the stream is a run. */
  run: boolean | undefined

  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  readonly #credential: Credential | undefined
  readonly #action: Action | undefined
  readonly #context: Pick<MachineContext, 'policy' | 'canRefresh'>
  readonly #liveness
  readonly #channels: StreamChannels
  #machine: MachineState = initialState
  #recovered: boolean | null | undefined
  #gap: GapEvent | undefined
  #ended: EndEvent | undefined
  /** The end of what was read last. A 204 to its cursor says that there is nothing behind it. */
  #lastEnd: EndEvent | undefined
  #serverRetryMs: number | undefined
  /** The heartbeat that the server announced last, on this connection or an earlier one. */
  #heartbeatMs: number | undefined
  /** The current attempt or connection. Results of earlier ones are ignored. */
  #current: AbortController | undefined
  /** Number of refreshes of the credential when the attempt began. */
  #refreshes = 0
  /** The stream began anew from an old cursor, and nothing has moved the cursor since: a snapshot may have been cut off. */
  #beganAnew = false
  /** The time when the last navigation began. */
  #leftAt = -Infinity
  #timer: unknown
  #stopObserving: (() => void) | undefined

  constructor(
    options: ConnectionOptions,
    clock: Clock,
    sink: ConnectionSink,
    channels: StreamChannels,
    credential?: Credential | undefined,
    action?: Action,
  ) {
    this.#options = options
    this.#clock = clock
    this.#sink = sink
    this.#channels = channels
    this.#credential = credential
    this.#action = action
    this.#context = {
      policy: retryPolicy(options.retry),
      canRefresh: credential !== undefined,
    }
    this.#liveness = createLiveness(clock, (idleMs) => {
      this.send({ type: 'lost', error: new HeartbeatTimeoutError(idleMs) })
    })
  }

  get snapshot(): ConnectionSnapshot {
    const { status, attempt, retryAt, error } = this.#machine
    const { location } = this
    return { status, attempt, retryAt, error, recovered: this.#recovered, gap: this.#gap, ended: this.#ended, location }
  }

  get lastActivityAt(): number | undefined {
    return this.#liveness.lastActivityAt
  }

  get progress(): ChannelProgress {
    return this.#channels.progress
  }

  send(sent: ConnectionInput): void {
    const action = this.location === undefined ? this.#action : undefined
    const mayRepeat = action?.mayRepeat ?? true
    const input = mayRepeat ? sent : action!.withoutRepetition(sent)
    const { state, effects } = transition(this.#machine, input, {
      ...this.#context,
      serverRetryMs: this.#serverRetryMs,
      mayRepeat,
      now: this.#clock.now(),
      random: this.#clock.random(),
    })
    if (state === this.#machine) return
    if (this.#machine.status === 'idle' || this.#machine.status === 'closed') {
      this.#action?.connected()
      this.#gap = undefined
      this.#ended = undefined
    }
    this.#machine = state
    this.#clock.clearTimeout(this.#timer)
    if (state.status === 'closed') {
      this.#channels.closed()
      this.#stopObserving?.()
      this.#stopObserving = undefined
    } else {
      this.#stopObserving ??= observePage((event) => this.#onPage(event))
    }
    for (const effect of effects) {
      // An effect may call the application, which may close or reconnect the stream.
      if (this.#machine === state) this.#effects[effect]()
    }
    this.#sink.changed()
    // A 401 is not an error while a refresh may still fix it.
    if (!('error' in input) || effects.includes('refresh')) return
    if (input.type !== 'left' || state.status === 'closed') this.#sink.error(input.error)
  }

  readonly #effects: { readonly [E in ConnectionEffect]: () => void } = {
    open: () => {
      this.#current = new AbortController()
      this.#refreshes = this.#credential?.count() ?? 0
      void this.#run(this.#current)
    },
    drop: () => {
      this.#liveness.stop()
      this.#channels.lost()
      const attempt = this.#current
      this.#current = undefined
      attempt?.abort()
    },
    refresh: () => {
      const attempt = new AbortController()
      this.#current = attempt
      const settle = (input: ConnectionInput) => {
        if (this.#current === attempt) this.send(input)
      }
      const timeoutMs = this.#options.callbackTimeoutMs ?? 10_000
      const patience = { clock: this.#clock, signal: attempt.signal, timeoutMs }
      this.#credential!.refresh(this.#refreshes, patience).then(
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
    const isSendable = cursorBytes(this.lastEventId) <= maxCursorBytes
    const lastEventId = isSendable ? this.lastEventId : ''
    const channels = this.#channels.namesFor(lastEventId)
    try {
      const { location } = this
      const options = location === undefined ? this.#options : { ...this.#options, url: location }
      const response = await openStream(options, {
        clock: this.#clock,
        signal,
        lastEventId,
        channels,
        // What was started is only read.
        action: location === undefined ? this.#action : undefined,
      })
      if (this.#current !== attempt) return void response?.body?.cancel().catch(() => {})
      if (!response) {
        this.#ended = this.#lastEnd
        return this.send({ type: 'ended' })
      }
      this.#lastEnd = undefined
      if (response.location !== undefined) this.#continueAt(response.location, response.url)
      this.#recovered = undefined
      this.#liveness.touch()
      this.#expectHeartbeat()
      const receive = this.#receiver(attempt, response.url, (open) =>
        this.#channels.opened(open, channels, lastEventId, signal),
      )
      if (!isSendable) this.#announce({ type: 'rivulet:gap', reason: 'oversized' })
      this.send({ type: 'opened' })
      await readStream(response, signal, receive)
    } catch (error) {
      if (this.#current !== attempt) return
      const isRefused = error instanceof HttpStatusError && error.status === 403
      if (isRefused && lastEventId !== '' && channels?.length === 0 && this.#channels.namesFor('')?.length) {
        // The route gives no channels unasked, so nothing of the stream can be resumed.
        this.lastEventId = ''
        this.#announce({ type: 'rivulet:gap', reason: 'restarted' }, '')
        if (this.#current === attempt) await this.#run(attempt)
        return
      }
      this.#action?.failed(error)
      const isLeaving = error instanceof ConnectionError && this.#clock.now() - this.#leftAt < leavingMs
      this.send(isLeaving ? { type: 'left', error } : inputOf(error))
    }
  }

  #expectHeartbeat(): void {
    const { heartbeatMarginMs = 5_000, idleTimeoutMs = 0 } = this.#options
    this.#liveness.expect(this.#heartbeatMs ? 2 * this.#heartbeatMs + heartbeatMarginMs : idleTimeoutMs)
  }

  /** @throws {ConfigurationError} for an address of another origin, which must not get this one's credentials. */
  #continueAt(location: string, base: string): void {
    const target = new URL(location, base)
    if (target.origin !== new URL(base).origin) {
      throw new ConfigurationError(
        'location',
        target.href,
        development ? `Have the server give an address of the same origin, ${new URL(base).origin}.` : '',
      )
    }
    this.location = target.href
  }

  #announce(gap: GapEvent, id?: string): void {
    if (gap.reason === 'restarted') this.#channels.restarted(gap.channel)
    this.#gap = gap
    this.#sink.gap(gap, id)
    this.#sink.changed()
  }

  #receiver(
    attempt: AbortController,
    url: string,
    onOpen: (open: OpenEvent) => readonly string[],
  ): (chunk: Uint8Array) => Promise<void> | undefined {
    const sink = this.#sink
    const brokeOff = (channel: string) => this.#announce({ type: 'rivulet:gap', channel, reason: 'lagged' })
    const receive = createReceiver(
      {
        lastEventId: this.lastEventId,
        progress: this.progress,
        isCurrent: () => this.#current === attempt,
        moved: (id) => {
          this.lastEventId = id
          this.#beganAnew = false
        },
        began: () => this.#action?.began(),
        opened: (open) => {
          const { recovered, heartbeatMs, location, run } = open
          for (const channel of onOpen(open)) brokeOff(channel)
          // Events that part of a snapshot includes may come again.
          if (this.#beganAnew && recovered) this.#announce({ type: 'rivulet:gap', reason: 'lagged' })
          this.#beganAnew = recovered === false
          this.run = run
          if (location !== undefined) this.#continueAt(location, url)
          this.#recovered = recovered
          this.#heartbeatMs = heartbeatMs
          this.#expectHeartbeat()
          sink.changed()
        },
        gap: (gap, id) => this.#announce(gap, id),
        closed: ({ reason, retry }) => {
          const error = new StreamClosedByServerError(reason, retry)
          this.send({ type: retry ? 'lost' : 'failed', error })
        },
        ended: (end) => {
          this.#ended = end
          this.#lastEnd = end
          this.send({ type: 'ended' })
        },
        changed: (channels) => {
          for (const channel of this.#channels.carriedOut(channels)) brokeOff(channel)
        },
        brokeOff: (channel) => {
          this.#channels.brokeOff(channel)
          brokeOff(channel)
        },
        caughtUp: () => this.#channels.caughtUp(),
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
    // Consumers may need another wait as soon as one ends.
    for (let ready = this.#sink.ready(); ready; ready = this.#sink.ready()) await ready
    if (this.#current === attempt) this.#liveness.touch()
  }
}

function inputOf(error: unknown): ConnectionInput {
  if (error instanceof HttpStatusError) {
    if (error.status === 401) return { type: 'unauthorized', error }
    if (isRetryableStatus(error.status)) return { type: 'lost', error, retryAfterMs: error.retryAfterMs }
    return { type: 'failed', error }
  }
  const final = error instanceof ContentTypeError || error instanceof ConfigurationError
  return { type: final ? 'failed' : 'lost', error }
}
