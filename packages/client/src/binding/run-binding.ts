import {
  type EndEvent,
  type EndState,
  type EventContract,
  type EventOf,
  type GapEvent,
  systemClock,
} from '@rivulet/core'
import { callServer } from '../connection/call-server.js'
import type { ConnectionStatus } from '../connection/connection-machine.js'
import type { EventStreamServiceOptions } from '../stream-options.js'
import type { Fold } from './fold-store.js'
import { type AnyEventStream, keepConnected } from './keep-connected.js'
import { Latest } from './latest.js'
import { cancelFrame, nextFrame } from './next-frame.js'
import { ProviderStream } from './provider-stream.js'
import { type Reducer, Reduction } from './reduction.js'

/**
 * - `idle`: there is no run to read.
 * - `connecting`: nothing of the run is known yet.
 * - `running`, also while a lost connection is retried.
 * - `done`, `stopped`: its output is complete, or as far as it came.
 * - `failed`: the run failed, with a `reason`, or it cannot be read, with an `error`.
 */
export type RunState = 'idle' | 'connecting' | 'running' | EndState

/** Everything known about a run at one moment. Replaced, never changed. */
export interface RunView<Output> {
  /**
   * Events of the run, or the state that `reduce` computed from them. Complete once the state is `done`, unless there is a
   * `gap`.
   */
  readonly output: Output
  readonly state: RunState
  /** The reason of a stop or a failure, as the server tells it. */
  readonly reason: string | undefined
  /** The error of the last attempt, or the one that ended the reading. */
  readonly error: unknown
  /** The last place where output is missing, for example because the server no longer keeps the beginning. */
  readonly gap: GapEvent | undefined
  /** The status of the connection. */
  readonly status: ConnectionStatus
  /** The address of the run. For a run that a POST starts, known once the server has answered. */
  readonly location: string | undefined
}

/** Options of the stream that reads the run. It always reads the whole run, so it neither keeps nor shares a cursor. */
export interface RunOptions<Contract extends EventContract = EventContract>
  extends Omit<
    EventStreamServiceOptions<Contract>,
    'url' | 'events' | 'lastEventId' | 'persist' | 'shared' | 'channels' | 'controlUrl'
  > {
  /** The contract of the run's events. */
  events: Contract
}

export interface RunEventsOptions<Contract extends EventContract = EventContract> extends RunOptions<Contract> {
  /** Number of events to keep, at least 1. The oldest make room for new ones. Read with a new run. @default Infinity */
  limit?: number
  reduce?: undefined
}

export interface RunReduceOptions<Contract extends EventContract, State> extends RunOptions<Contract> {
  /** Makes the next state of the output from the state and an event. MUST be pure. It may change with each render. */
  reduce: (state: State, event: EventOf<Contract>) => State
  /** State of a run without output. */
  initial: State
}

/** Address of a run. Nothing is read without one. */
export type RunAddress = string | URL | null | undefined | false

type AnyOptions = RunOptions & { limit?: number; reduce?: Reducer<unknown>; initial?: unknown }

/**
 * Run behind one hook or composable: reads all of it, and replaces `view` at most once per frame. It has no effect until it
 * is opened, so a render may create one and discard it.
 */
export class RunBinding<Output> {
  view: RunView<Output>
  readonly #url: string | URL | undefined
  readonly #stream: ProviderStream | undefined
  #options: AnyOptions
  #fold: Fold<unknown>
  #gap: GapEvent | undefined
  #ended: EndEvent | undefined
  #hasOpened = false
  #subscribed = false
  #isOpen = false
  #listener: ((view: RunView<Output>) => void) | undefined

  /** @throws {ConfigurationError} for an invalid option. */
  constructor(url: RunAddress, options: object) {
    this.#options = options as AnyOptions
    this.#url = url || undefined
    if (this.#url !== undefined) this.#stream = new ProviderStream(undefined, this.#streamOptions(this.#url), 0)
    this.#fold = this.#createFold()
    this.view = this.#look()
  }

  /** Tells whether it still fits. Make a new one if not. Compares like `ProviderStream`. */
  matches(url: RunAddress, options: object): boolean {
    if (!url || !this.#stream) return !url === !this.#stream
    return this.#stream.matches(undefined, this.#streamOptions(url, options as AnyOptions))
  }

  /** Calls the functions of these options from now on. */
  use(options: object): void {
    this.#options = options as AnyOptions
    if (this.#url !== undefined) this.#stream?.use(this.#streamOptions(this.#url))
    const { reduce } = this.#options
    if (reduce && this.#fold instanceof Reduction) this.#fold.use(reduce)
  }

  /** Reconnects if the values of `headers` have changed. */
  followHeaders(): void {
    this.#stream?.follow()
  }

  /**
   * Reads the run until the returned function is called. It may be opened again, and then reads on where it was.
   *
   * @returns Stops reading. The run itself goes on.
   */
  open(): () => void {
    const service = this.#stream?.binding.service
    if (!service || this.#ended) return () => {}
    this.#isOpen = true
    this.#subscribe(service)
    const release = keepConnected(service)
    this.#request()
    return () => {
      this.#isOpen = false
      cancelFrame(this.#show)
      release()
    }
  }

  /**
   * Calls the listener with each new view, and at once if `view` is not the one that is rendered. One listener at a time.
   *
   * @returns Stops the calls.
   */
  watch(rendered: RunView<Output>, listener: (view: RunView<Output>) => void): () => void {
    this.#listener = listener
    if (this.view !== rendered) listener(this.view)
    return () => {
      this.#listener = undefined
    }
  }

  /**
   * Asks the server to stop the run, by a DELETE to its address. The state becomes `stopped` when the server says so. Does
   * nothing if the run is over. If the request that starts the run is under way, waits for its address.
   *
   * @throws {HttpStatusError} {ConnectionError} {ConnectTimeoutError}
   */
  async stop(): Promise<void> {
    const service = this.#stream?.binding.service
    if (!service || this.#ended) return
    const { method, body } = this.#options
    const starts = body !== undefined || (method !== undefined && method.toUpperCase() !== 'GET')
    if (starts) await settled(service)
    const { location, ended, status } = service.state
    if (ended || (starts && status === 'closed')) return
    const request = { ...this.#options, url: location ?? this.#url!, method: 'DELETE', body: undefined }
    await callServer(request, this.#options.clock ?? systemClock, new AbortController().signal)
  }

  // Not unsubscribed: an event may arrive between the last use and the end of the connection.
  #subscribe(service: AnyEventStream): void {
    if (this.#subscribed) return
    this.#subscribed = true
    service.onAny((event) => {
      this.#fold.add(event)
      this.#request()
    })
    service.onGap((gap) => {
      // The run itself was started again. Everything follows from its beginning.
      if (gap.reason === 'restarted') this.#fold = this.#createFold()
      this.#gap = gap.reason === 'restarted' ? undefined : gap
      this.#request()
    })
    service.onEnd((end) => {
      this.#ended = end
      this.#request()
    })
    // `error` tells of the connection.
    service.onError((error, { stage }) => {
      if (stage !== 'connection') console.error(error)
    })
    service.onStatusChange(({ status }) => {
      if (status === 'open') this.#hasOpened = true
      this.#request()
    })
  }

  #request(): void {
    if (this.#isOpen) nextFrame(this.#show)
  }

  readonly #show = (): void => {
    this.view = this.#look()
    this.#listener?.(this.view)
  }

  #look(): RunView<Output> {
    const state = this.#stream?.binding.service.state
    return {
      output: this.#fold.result() as Output,
      state: this.#runState(),
      reason: this.#ended?.reason,
      error: state?.error,
      gap: this.#gap,
      status: state?.status ?? 'idle',
      location: state?.location ?? (this.#url && String(this.#url)),
    }
  }

  #runState(): RunState {
    if (!this.#stream) return 'idle'
    if (this.#ended) return this.#ended.state
    const { status, error, ended } = this.#stream.binding.service.state
    if (status === 'closed' && error !== undefined) return 'failed'
    // A foreign stream ends without a word. Of a run, the last events may still be validated.
    if (status === 'closed' && !ended) return 'done'
    return this.#hasOpened ? 'running' : 'connecting'
  }

  #createFold(): Fold<unknown> {
    const { reduce, initial, limit = Infinity } = this.#options
    return reduce ? new Reduction(reduce, initial) : new Latest(limit)
  }

  #streamOptions(url: string | URL, options = this.#options): EventStreamServiceOptions {
    const { reduce, initial, limit, ...stream } = options
    return { ...stream, url }
  }
}

/** Settles when the request that starts a run was answered with its address, or in vain. */
function settled(service: AnyEventStream): Promise<void> {
  return new Promise((resolve) => {
    const stops: (() => void)[] = []
    const check = () => {
      const { location, status, recovered } = service.state
      if (location === undefined && recovered === undefined && status !== 'closed') return
      for (const stop of stops) stop()
      resolve()
    }
    stops.push(service.onStatusChange(check))
    check()
  })
}
