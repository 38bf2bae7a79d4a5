import type { RunRecord } from '../backplane/run-store.js'
import { answer, type PlainAnswer, refuse } from '../sinks/plain-answer.js'
import { Refused } from '../streams/admission.js'
import { Asking } from '../streams/asking.js'
import type { Streams } from '../streams/streams.js'
import type { RunInfo } from './run-info.js'
import { findRun, type RunRouteOptions } from './run-route.js'

export interface RunStopOptions<Request = unknown, Context = unknown> extends RunRouteOptions<Request, Context> {
  /** The reason for readers. @default 'stopped' */
  reason?: string
}

/** The answer to a request to stop a run, for any HTTP implementation. */
export interface StopAnswer extends PlainAnswer {
  /** 200 for a run that is over now, whoever ended it; 404 if there is none; or the status of the refusal. */
  readonly status: number
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
    // Takes no place within the limits of streams: it is answered at once.
    const caller = new Asking(streams.runtime, streams.asking)
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
