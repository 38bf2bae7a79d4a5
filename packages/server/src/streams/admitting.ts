import type { Connection } from '../delivery/connection.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { CallbackTimeoutError } from '../runtime/errors.js'
import { ask, type CallbackOptions, Wait } from '../runtime/guard.js'
import type { ErrorContext } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import type { SinkListener } from '../sinks/sink.js'
import { Refused, type Slot, unavailable } from './admission.js'

/** Thrown by a step of receiving a request whose client has left. */
export const gone: unique symbol = Symbol('the client has left')

function isOutcome(error: unknown): boolean {
  return error === gone || Refused.is(error)
}

type CallbackName = 'id' | 'authorize' | 'channels' | 'snapshot' | 'presence'

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
  /** Dropped once the stream is open, which may last for days. */
  #wait: Wait | undefined = new Wait()
  #connection: Connection | undefined

  constructor(runtime: Runtime, slot: Slot, timeoutMs: number) {
    this.#runtime = runtime
    this.slot = slot
    this.#timeoutMs = timeoutMs
  }

  /**
   * Runs a step that may fail, and waits for it while the request is pending. Reports errors; the client gets a status
   * without detail.
   *
   * @throws {Refused} or `gone`.
   */
  async run<T>(stage: ErrorContext['stage'], step: () => Awaitable<T>): Promise<T> {
    const report = (error: unknown) => {
      if (!isOutcome(error)) this.#runtime.report(error, { stage })
    }
    try {
      this.#wait!.check()
      const result = step()
      return result instanceof Promise ? await this.#wait!.for(result, report) : result
    } catch (error) {
      report(error)
      if (isOutcome(error)) throw error
      throw new Refused(stage === 'read' ? unavailable(this.#runtime.clock.random) : { status: 500 })
    }
  }

  /** Calls a function of the stream's options and reads its answer. @throws {Refused} or `gone`. */
  async ask<Answer, Result>(
    name: CallbackName,
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Promise<Result> {
    const { clock, report } = this.#runtime
    let timer: unknown
    try {
      return await this.run(name, () => {
        const result = ask(call, read, this.#wait!)
        if (result instanceof Promise) {
          timer = clock.setTimeout(() => {
            const error = new CallbackTimeoutError(name, this.#timeoutMs)
            report(error, { stage: name })
            this.#wait!.breakOff(new Refused({ status: 500 }), error)
          }, this.#timeoutMs)
        }
        return result
      })
    } finally {
      clock.clearTimeout(timer)
    }
  }

  /** Ends the current wait. @param outcome A `Refused` or `gone`. */
  breakOff(outcome: unknown): void {
    this.#wait?.breakOff(outcome)
  }

  get opened(): boolean {
    return this.#connection !== undefined
  }

  /** Passes all further events of the sink to the connection. */
  open(connection: Connection): void {
    this.#connection = connection
    this.#wait = undefined
  }

  onDrain(): void {
    this.#connection?.onDrain()
  }

  onClose(): void {
    if (this.#connection) this.#connection.onClose()
    else this.breakOff(gone)
  }
}
