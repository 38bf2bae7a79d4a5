import type {
  ChannelMembersOptions,
  EventContract,
  EventHistoryOptions,
  EventManager,
  EventStreamOptions,
} from '@rivulet/server'
import { handleChannelMembers, handleEventHistory, handleEventStream, handleStreamControl } from '@rivulet/server/node'
import type { Request, RequestHandler } from 'express'

/**
 * Creates a request handler for Express 4 or 5 that answers with an event stream.
 *
 * The stream is sent with the headers that earlier middleware has set. The handler never calls `next`: errors go to the
 * manager's `onError`, and the client gets a status.
 *
 * @example
 * // Without a user the context is undefined, which refuses with 401.
 * app.get('/events', eventStream(manager, { authorize: (request) => ({ context: request.user }) }))
 */
export function eventStream<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventStreamOptions<Request, Context, Contract> = {},
): RequestHandler {
  return (request, response) => {
    void handleEventStream(manager, request, response, options)
  }
}

/**
 * Creates a request handler that changes the channels of open streams, for a POST route beside the stream's, with the same
 * options. By default clients send it to the stream's path followed by `/control`. It takes the body that `express.json()` has
 * parsed, or parses it itself.
 *
 * @example
 * app.get('/events', eventStream(manager, { authorize, channels, changeable: true }))
 * app.post('/events/control', streamControl(manager, { authorize, channels }))
 */
export function streamControl<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventStreamOptions<Request, Context, Contract> = {},
): RequestHandler {
  return (request, response) => {
    void handleStreamControl(manager, request, response, options)
  }
}

/**
 * Creates a request handler that answers with kept events that are older than those that a page shows, for a GET route beside
 * the stream's, with the same options. By default clients send it to the stream's path followed by `/history`.
 *
 * @example
 * app.get('/events', eventStream(manager, { authorize, channels, replay: 50 }))
 * app.get('/events/history', eventHistory(manager, { authorize, channels }))
 */
export function eventHistory<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventHistoryOptions<Request, Context, Contract> = {},
): RequestHandler {
  return (request, response) => {
    void handleEventHistory(manager, request, response, options)
  }
}

/**
 * Creates a request handler that answers with the members of a channel, for a GET route beside the stream's, with the same options.
 * By default clients send it to the stream's path followed by `/members`.
 *
 * @example
 * app.get('/events', eventStream(manager, { authorize, channels, presence }))
 * app.get('/events/members', channelMembers(manager, { authorize, channels }))
 */
export function channelMembers<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: ChannelMembersOptions<Request, Context, Contract> = {},
): RequestHandler {
  return (request, response) => {
    void handleChannelMembers(manager, request, response, options)
  }
}
