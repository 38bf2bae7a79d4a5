import type { EventContract, EventManager, EventStreamOptions } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import type { Request, RequestHandler } from 'express'

/**
 * An Express handler, for versions 4 and 5, that answers with an event stream.
 *
 * Headers that middleware has set before it are sent with the stream. It never calls `next`: what fails goes to the
 * manager's `onError`.
 *
 * @example
 * // Without a user, the context is undefined: 401.
 * app.get('/events', eventStream(manager, { authorize: (request) => ({ context: request.user }) }))
 */
export function eventStream<Contract extends EventContract, Context = unknown>(
  manager: EventManager<Contract>,
  options: EventStreamOptions<Request, Context, Contract> = {},
): RequestHandler {
  return (request, response) => {
    void handleEventStream(manager, request, response, options)
  }
}
