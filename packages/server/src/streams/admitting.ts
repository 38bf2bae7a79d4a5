import type { Connection } from '../delivery/connection.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { BackplaneTimeoutError, CallbackTimeoutError } from '../runtime/errors.js'
import { ask, type CallbackOptions, Step, Wait } from '../runtime/guard.js'
import type { ErrorContext } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import type { SinkListener } from '../sinks/sink.js'
import { Refused, type Slot, unavailable } from './admission.js'
import type { Turns } from './turns.js'

/** Thrown by a step of receiving a request whose client has left. */
export const clientGone: unique symbol = Symbol('the client has left')

function isOutcome(error: unknown): boolean {
  return error === clientGone || Refused.is(error)
}

// Not a method: foreign promises retain it, and must not retain the request.
function reporter(runtime: Runtime, stage: ErrorContext['stage']): (error: unknown) => void {
  return (error) => {
    if (!isOutcome(error)) runtime.report(error, { stage })
  }
}

type CallbackName = 'id' | 'start' | 'authorize' | 'channels' | 'snapshot' | 'presence'

/**
 * A request on its way to a stream, with its slot and the step that it waits for. Listens to the sink, and passes its
 * events on to the connection once that is open.
 */
export class Admitting implements SinkListener {
  /** The position of the last disconnect carried out before authorization began. See `Control`. `undefined` until then. */
  admittedPosition: number | undefined
  /** The disconnects carried out since then. */
  readonly disconnects: ((connection: Connection) => boolean)[] = []
  readonly slot: Slot
  readonly #runtime: Runtime
  readonly #timeoutMs: number
  readonly #turns: Turns
  /** Dropped once the stream is open, which may last for days. */
  #wait: Wait | undefined = new Wait()
  #connection: Connection | undefined

  constructor(runtime: Runtime, slot: Slot, { timeoutMs, turns }: { timeoutMs: number; turns: Turns }) {
    this.#runtime = runtime
    this.slot = slot
    this.#timeoutMs = timeoutMs
    this.#turns = turns
  }

  /**
   * Runs a step that may fail, while the request is pending. Reports errors; the client gets a status without detail.
   *
   * @throws {Refused} or `clientGone`.
   */
  run<T>(stage: ErrorContext['stage'], step: () => Awaitable<T>): Awaitable<T> {
    const result = this.attempt(stage, step)
    return result instanceof Promise ? result.catch((error: unknown) => this.#fail(stage, error)) : result
  }

  /** Runs a synchronous step like `run`. */
  attempt<T>(stage: ErrorContext['stage'], step: () => T): T {
    try {
      this.check()
      return step()
    } catch (error) {
      return this.#fail(stage, error)
    }
  }

  #fail(stage: ErrorContext['stage'], error: unknown): never {
    if (isOutcome(error)) throw error
    this.#runtime.report(error, { stage })
    throw new Refused(stage === 'read' ? unavailable(this.#runtime.clock.random) : { status: 500 })
  }

  /** A promise to wait for if requests have taken enough of this turn of the event loop. It rejects with `Refused` or `clientGone`. */
  turn(): Promise<void> | undefined {
    const later = this.#turns.next()
    return later && this.#wait!.for(later, () => {})
  }

  /** Runs a step of the backplane and waits for it, for a limited time. @throws {Refused} or `clientGone`. */
  read<T>(step: () => Awaitable<T> | Step): Awaitable<T> {
    const onTimeout = () => this.#timeOut('read', new BackplaneTimeoutError(this.#timeoutMs))
    return this.run('read', () => this.#until('read', step, onTimeout))
  }

  /** Calls a function of the stream's options and reads its answer. @throws {Refused} or `clientGone`. */
  ask<Answer, Result>(
    name: CallbackName,
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Awaitable<Result> {
    const onTimeout = () => this.#timeOut(name, new CallbackTimeoutError(name, this.#timeoutMs))
    return this.run(name, () => this.#until(name, () => ask(call, read, this.#wait!), onTimeout))
  }

  /** Waits for a step while the request is pending, until the timeout. */
  #until<T>(stage: ErrorContext['stage'], step: () => Awaitable<T> | Step, onTimeout: () => void): Awaitable<T> {
    const { clock } = this.#runtime
    const result = step()
    if (!(result instanceof Promise || result instanceof Step)) return result
    const timer = clock.setTimeout(onTimeout, this.#timeoutMs)
    return this.#wait!.for<T>(result, reporter(this.#runtime, stage)).finally(() => clock.clearTimeout(timer))
  }

  #timeOut(stage: ErrorContext['stage'], error: Error): void {
    const { clock, report } = this.#runtime
    report(error, { stage })
    this.breakOff(new Refused(stage === 'read' ? unavailable(clock.random) : { status: 500 }), error)
  }

  /** Call this directly before the stream opens. @throws the outcome, if the request was broken off. */
  check(): void {
    this.#wait!.check()
  }

  /** Ends the current wait. @param outcome A `Refused` or `clientGone`. */
  breakOff(outcome: unknown, reason?: unknown): void {
    this.#wait?.breakOff(outcome, reason)
  }

  get opened(): boolean {
    return this.#connection !== undefined
  }

  /** Passes all further events of the sink to the connection. */
  open(connection: Connection): void {
    this.#connection = connection
    this.#wait = undefined
    this.disconnects.length = 0
  }

  onDrain(): void {
    this.#connection?.onDrain()
  }

  onClose(): void {
    if (this.#connection) this.#connection.onClose()
    else this.breakOff(clientGone)
  }
}
