import type { RunRecord } from '../backplane/run-store.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { CallbackTimeoutError } from '../runtime/errors.js'
import { ask, type CallbackOptions, Wait } from '../runtime/guard.js'
import type { Refusal } from '../sinks/sink.js'
import { Refused, unavailable } from '../streams/admission.js'
import type { Streams } from '../streams/streams.js'
import type { RunInfo } from './run-info.js'
import { findRun, type RouteCaller, type RunRouteOptions } from './run-route.js'

export interface RunStopOptions<Request = unknown, Context = unknown> extends RunRouteOptions<Request, Context> {
  /** The reason for readers. @default 'stopped' */
  reason?: string
}

/** The answer to a request to stop a run, for any HTTP implementation. */
export interface StopAnswer {
  /** 200 for a run that is over now, whoever ended it; 404 if there is none; or the status of the refusal. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** With 200, `{ id, state, reason }` as JSON. */
  readonly body: string
}

/** The parts of the runs that stopping needs. */
export interface Stopping {
  get(id: string): Promise<RunRecord | undefined>
  /** Ends a run, and shows how it ended. */
  stop(id: string): Promise<RunInfo | undefined>
}

/** Answers a request to stop a run. Never rejects. */
export async function answerStop<Request, Context>(
  streams: Streams,
  runs: Stopping,
  request: Request,
  options: RunStopOptions<Request, Context>,
): Promise<StopAnswer> {
  try {
    const caller = new OneCaller(streams)
    const { run } = await findRun(caller, request, options, (id) => runs.get(id))
    const ended = run && (await caller.run('read', () => runs.stop(run.id)))
    if (!ended) return refuse({ status: 404 })
    const { id, state, reason } = ended
    return answer(200, 'application/json', JSON.stringify({ id, state, reason }))
  } catch (outcome) {
    if (!Refused.is(outcome)) streams.runtime.report(outcome, { stage: 'run' })
    return refuse(Refused.is(outcome) ? outcome.refusal : { status: 500 })
  }
}

function refuse({ status, message = '', headers }: Refusal): StopAnswer {
  return answer(status, 'text/plain; charset=utf-8', message, headers)
}

function answer(status: number, type: string, body: string, headers: Refusal['headers'] = {}): StopAnswer {
  const content: Record<string, string> = body === '' ? {} : { 'Content-Type': type }
  return { status, headers: { 'Cache-Control': 'no-store', ...content, ...headers }, body }
}

/** Calls the functions of a route for a request that is answered at once, and takes no place within the limits of streams. */
class OneCaller implements RouteCaller {
  readonly #streams: Streams

  constructor(streams: Streams) {
    this.#streams = streams
  }

  async ask<Answer, Result>(
    name: 'id' | 'start' | 'authorize',
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Promise<Result> {
    const { clock } = this.#streams.runtime
    const { callbackTimeoutMs } = this.#streams.options
    const wait = new Wait()
    const late = new CallbackTimeoutError(name, callbackTimeoutMs)
    const timer = clock.setTimeout(() => wait.breakOff(late, late), callbackTimeoutMs)
    try {
      const result = ask(call, read, wait)
      return result instanceof Promise ? await wait.for(result, (error) => this.#report(error, name)) : result
    } catch (error) {
      if (Refused.is(error)) throw error
      this.#report(error, name)
      throw new Refused({ status: 500 })
    } finally {
      clock.clearTimeout(timer)
    }
  }

  #report(error: unknown, stage: 'id' | 'start' | 'authorize' | 'read'): void {
    if (!Refused.is(error)) this.#streams.runtime.report(error, { stage })
  }

  async run<T>(stage: 'read', step: () => Awaitable<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      this.#report(error, stage)
      throw new Refused(unavailable(this.#streams.runtime.clock.random))
    }
  }
}
