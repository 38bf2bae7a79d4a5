import type { Awaitable } from '../runtime/awaitable.js'
import { BackplaneTimeoutError, CallbackTimeoutError } from '../runtime/errors.js'
import { ask, type CallbackOptions, Step, Wait } from '../runtime/guard.js'
import type { ErrorContext } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import { Refused, unavailable } from './admission.js'
import type { Turns } from './turns.js'

/** Thrown by a step whose client has left. */
export const clientGone: unique symbol = Symbol('the client has left')

/** The refusal of a request whose body does not come. */
const tooSlow = new Refused({ status: 408, message: 'Send the whole body at once.', headers: { connection: 'close' } })

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

export interface AskingOptions {
  /** The time limit of each step. */
  readonly timeoutMs: number
  readonly turns: Turns
}

/** Runs the steps of one request: functions of the application, and calls of the backplane. Each has a time limit. */
export class Asking {
  readonly #runtime: Runtime
  readonly #options: AskingOptions
  /** Dropped once it is over, because a stream may last for days. */
  #wait: Wait | undefined = new Wait()

  constructor(runtime: Runtime, options: AskingOptions) {
    this.#runtime = runtime
    this.#options = options
  }

  /**
   * Runs a step that may fail, unless it was broken off. Reports errors; the client gets a status without detail.
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
    const later = this.#options.turns.next()
    return later && this.#wait!.for(later, () => {})
  }

  /** Runs a step of the backplane and waits for it, for a limited time. @throws {Refused} or `clientGone`. */
  read<T>(step: () => Awaitable<T> | Step): Awaitable<T> {
    const onTimeout = () => this.#timeOut('read', new BackplaneTimeoutError(this.#options.timeoutMs))
    return this.run('read', () => this.#until('read', step, onTimeout))
  }

  /** Calls a function of the stream's options and reads its answer. @throws {Refused} or `clientGone`. */
  ask<Answer, Result>(
    name: CallbackName,
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Awaitable<Result> {
    const onTimeout = () => this.#timeOut(name, new CallbackTimeoutError(name, this.#options.timeoutMs))
    return this.run(name, () => this.#until(name, () => ask(call, read, this.#wait!), onTimeout))
  }

  /** Reads what the client sends, for a limited time. @throws {Refused} with 408, or `clientGone`. */
  receive<T>(read: (options: CallbackOptions) => Awaitable<T>): Awaitable<T> {
    const onTimeout = () => this.breakOff(tooSlow)
    return this.run('channels', () =>
      this.#until('channels', () => ask(read, (given) => given, this.#wait!), onTimeout),
    )
  }

  /** Waits for a step until the timeout, or until it is broken off. */
  #until<T>(stage: ErrorContext['stage'], step: () => Awaitable<T> | Step, onTimeout: () => void): Awaitable<T> {
    const { clock } = this.#runtime
    const result = step()
    if (!(result instanceof Promise || result instanceof Step)) return result
    const timer = clock.setTimeout(onTimeout, this.#options.timeoutMs)
    return this.#wait!.for<T>(result, reporter(this.#runtime, stage)).finally(() => clock.clearTimeout(timer))
  }

  #timeOut(stage: ErrorContext['stage'], error: Error): void {
    const { clock, report } = this.#runtime
    report(error, { stage })
    this.breakOff(new Refused(stage === 'read' ? unavailable(clock.random) : { status: 500 }), error)
  }

  /** @throws the outcome, if it was broken off. */
  check(): void {
    this.#wait!.check()
  }

  /** Ends the current wait, and every later step. @param outcome A `Refused` or `clientGone`. */
  breakOff(outcome: unknown, reason?: unknown): void {
    this.#wait?.breakOff(outcome, reason)
  }

  /** Call this when no step will follow. */
  done(): void {
    this.#wait = undefined
  }
}
