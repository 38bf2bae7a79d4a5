import type { RunRecord } from '../backplane/run-store.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { CallbackOptions } from '../runtime/guard.js'
import { type ReadAdmission, readAuthorization } from '../streams/answers.js'
import type { Authorization } from '../streams/stream-options.js'
import { infoOf, type RunInfo } from './run-info.js'

/** The last argument of `authorize` of a run's route. */
export interface RunAuthorizationOptions extends CallbackOptions {
  /** The run that the request is about; `undefined` where there is none. */
  readonly run: RunInfo | undefined
}

/**
 * What decides about the requests to a run. `Request` is the framework's own request.
 *
 * Where one of the functions throws, rejects, answers with what makes no sense, or does not answer within the manager's
 * `callbackTimeoutMs`, the request is answered with 500 and no detail, and `onError` gets the reason.
 */
export interface RunRouteOptions<Request = unknown, Context = unknown> {
  /** Gives the id of the run that a request is about. `undefined`: of none. */
  id: (request: Request, options: CallbackOptions) => Awaitable<string | undefined>
  /**
   * Decides on each request. Whoever it lets in to a run that does not exist gets 404.
   *
   * @example
   * authorize: (request, { run }) => request.user !== undefined && run?.key === request.user.id
   */
  authorize: (request: Request, options: RunAuthorizationOptions) => Awaitable<Authorization<Context>>
}

/** Calls the functions of a route, and reads what they answer. @throws {Refused}, or what ends the request otherwise. */
export interface RouteCaller {
  ask<Answer, Result>(
    name: 'id' | 'authorize',
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Promise<Result>
  run<T>(stage: 'read', step: () => Awaitable<T>): Promise<T>
}

/** Finds the run that a request is about, and whoever it is from. @throws As the caller does. */
export async function findRun<Request, Context>(
  caller: RouteCaller,
  request: Request,
  { id, authorize }: RunRouteOptions<Request, Context>,
  get: (id: string) => Promise<RunRecord | undefined>,
): Promise<{ run: RunRecord | undefined; admission: ReadAdmission }> {
  const asked = await caller.ask('id', (call) => id(request, call), readId)
  const run = asked === undefined ? undefined : await caller.run('read', () => get(asked))
  const decide = (call: CallbackOptions) =>
    authorize(request, {
      run: run && infoOf(run),
      get signal() {
        return call.signal
      },
    })
  return { run, admission: await caller.ask('authorize', decide, readAuthorization) }
}

function readId(answer: unknown): string | undefined {
  if (answer === undefined || (typeof answer === 'string' && answer !== '')) return answer
  throw new ConfigurationError('id()', answer, 'Return a text that is not empty, or undefined.')
}
