import type { EventContract, RunManager, RunStopOptions, RunStreamOptions } from '@rivulet/server'
import { handleRunStop, handleRunStream } from '@rivulet/server/node'
import type { Request, RequestHandler } from 'express'

/**
 * An Express handler, for versions 4 and 5, that answers with a run: all its events, or those after the client's cursor, until
 * its end. With `start`, for a POST, it starts the run first. It never calls `next`: errors go to the manager's `onError`.
 *
 * @example
 * app.get('/answers/:id', runStream(runs, {
 *   id: (request) => `answer:${request.params.id}`,
 *   authorize: (request, { run }) => request.user !== undefined && run?.key === request.user.id,
 * }))
 */
export function runStream<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(runs: RunManager<Contract, ManagerContext>, options: RunStreamOptions<Request, Context>): RequestHandler {
  return (request, response) => {
    void handleRunStream(runs, request, response, options)
  }
}

/**
 * An Express handler that stops a run, for `app.delete` or `app.post`. It answers 200 with the run's end, or 404 if there is
 * no such run.
 */
export function runStop<Contract extends EventContract, Context = unknown>(
  runs: RunManager<Contract>,
  options: RunStopOptions<Request, Context>,
): RequestHandler {
  return (request, response) => {
    void handleRunStop(runs, request, response, options)
  }
}
