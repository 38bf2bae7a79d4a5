import { checkName } from '../backplane/name.js'
import type { RunRecord } from '../backplane/run-store.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { ConfigurationError, ManagerClosedError } from '../runtime/errors.js'
import type { CallbackOptions } from '../runtime/guard.js'
import type { Refusal } from '../sinks/sink.js'
import { Refused, shuttingDown, tooMany } from '../streams/admission.js'
import { type ReadAdmission, readAuthorization, readRefusal } from '../streams/answers.js'
import type { Authorization, EventStreamOptions } from '../streams/stream-options.js'
import { TooManyRunsError } from './errors.js'
import { infoOf, type RunInfo } from './run-info.js'

/** The last argument of `authorize` of a run's route. */
export interface RunAuthorizationOptions extends CallbackOptions {
  /** The requested run; `undefined` if it does not exist. */
  readonly run: RunInfo | undefined
}

/**
 * Decides about the requests to a run. `Request` is the framework's own request.
 *
 * If a function throws, rejects, returns an invalid value, or does not answer within the manager's `callbackTimeoutMs`, the
 * request gets 500 without details, and `onError` gets the reason.
 */
export interface RunRouteOptions<Request = unknown, Context = unknown> {
  /** Returns the id of the requested run; `undefined` for none. */
  id: (request: Request, options: CallbackOptions) => Awaitable<string | undefined>
  /**
   * Decides on each request. An authorized request for a run that does not exist gets 404.
   *
   * @example
   * authorize: (request, { run }) => request.user !== undefined && run?.key === request.user.id
   */
  authorize: (request: Request, options: RunAuthorizationOptions) => Awaitable<Authorization<Context>>
}

/**
 * A route that starts a run and answers with it, for a POST. If its functions fail, the same happens as in `RunRouteOptions`.
 *
 * @example
 * app.post('/answers', runStream(runs, {
 *   start: (request) => runs.start(`answer:${randomUUID()}`, { key: request.user.id }, answer(request.body.prompt)),
 *   location: (_, { id }) => `/answers/${id.slice('answer:'.length)}`,
 *   authorize: (request, { run }) => run?.key === request.user.id,
 * }))
 */
export interface RunStartRouteOptions<Request = unknown, Context = unknown>
  extends Pick<RunRouteOptions<Request, Context>, 'authorize'> {
  /**
   * Starts the run and returns the result of `runs.start`. `false` or a status refuses the request, as in `authorize`, which
   * is asked only about the started run. If there are too many runs with the key, the client gets 429.
   */
  start: (request: Request, options: CallbackOptions) => Awaitable<Pick<RunInfo, 'id'> | Refusal | false>
  /**
   * Returns the address at which the run can be read by GET, absolute or relative to this route. The client resumes there
   * after a break, so that it starts nothing twice. It MUST be on the same origin.
   */
  location: (request: Request, run: RunInfo) => string
  id?: undefined
}

/** A route that streams a run: an existing one (`id`), or one that it starts (`start`, `location`). */
export type RunStreamOptions<Request = unknown, Context = unknown> = (
  | (RunRouteOptions<Request, Context> & { start?: undefined; location?: undefined })
  | RunStartRouteOptions<Request, Context>
) &
  Pick<EventStreamOptions, 'refuseBusyWith'>

/** Calls the functions of a route, and reads what they answer. @throws {Refused}, or what ends the request otherwise. */
export interface RouteCaller {
  ask<Answer, Result>(
    name: 'id' | 'start' | 'authorize',
    call: (options: CallbackOptions) => Awaitable<Answer>,
    read: (answer: Answer) => Awaitable<Result>,
  ): Awaitable<Result>
  run<T>(stage: 'read', step: () => Awaitable<T>): Awaitable<T>
}

/** Finds the run that a request is about, and whoever it is from. @throws As the caller does. */
export async function findRun<Request, Context>(
  caller: RouteCaller,
  request: Request,
  { id, authorize }: RunRouteOptions<Request, Context>,
  get: GetRun,
): Promise<FoundRun> {
  const asked = await caller.ask('id', (call) => id(request, call), readId)
  return admit(caller, request, authorize, asked, get)
}

/** Starts the run that a request asks for, and admits it to the run. @throws As the caller does. */
export async function startRun<Request, Context>(
  caller: RouteCaller,
  request: Request,
  { start, location, authorize }: RunStartRouteOptions<Request, Context>,
  { get, random }: { get: GetRun; random: () => number },
): Promise<FoundRun & { location: string | undefined }> {
  const call = async (given: CallbackOptions) => {
    try {
      return await start(request, given)
    } catch (error) {
      if (error instanceof TooManyRunsError)
        throw new Refused(tooMany('Too many runs are running for this client.', random))
      throw error instanceof ManagerClosedError ? new Refused(shuttingDown(random)) : error
    }
  }
  const asked = await caller.ask('start', call, readStarted)
  const { run, admission } = await admit(caller, request, authorize, asked, get)
  const address = run && (await caller.ask('start', () => location(request, infoOf(run)), readLocation))
  return { run, admission, location: address }
}

type GetRun = (id: string) => Promise<RunRecord | undefined>

interface FoundRun {
  readonly run: RunRecord | undefined
  readonly admission: ReadAdmission
}

async function admit<Request, Context>(
  caller: RouteCaller,
  request: Request,
  authorize: RunRouteOptions<Request, Context>['authorize'],
  id: string | undefined,
  get: GetRun,
): Promise<FoundRun> {
  const run = id === undefined ? undefined : await caller.run('read', () => get(id))
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
  if (answer !== undefined) checkName('id()', answer)
  return answer
}

function readStarted(answer: unknown): string {
  if (answer === false) throw new Refused({ status: 403 })
  if (typeof answer === 'object' && answer !== null) {
    if ('status' in answer) throw new Refused(readRefusal('start()', answer))
    const { id } = answer as { id?: unknown }
    if (typeof id === 'string' && id !== '') return id
  }
  throw new ConfigurationError('start()', answer, 'Return the result of runs.start(), false or { status }.')
}

function readLocation(answer: unknown): string {
  if (typeof answer === 'string' && /^[\x21-\x7e]+$/.test(answer)) return answer
  throw new ConfigurationError(
    'location()',
    answer,
    'Return an ASCII URL, such as /answers/42. Use encodeURIComponent() for other characters.',
  )
}
