import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { EventContract } from '@rivulet/core'
import type { EventManager } from './event-manager.js'
import type { RunManager } from './runs/run-manager.js'
import type { RunStreamOptions } from './runs/run-route.js'
import type { RunStopOptions } from './runs/run-stop.js'
import type { CallbackOptions } from './runtime/guard.js'
import { endIfStalled, sendAnswer } from './sinks/node-answer.js'
import { nodeBody } from './sinks/node-body.js'
import { headersFor, lastEventIdOf, type NodeResponse, NodeSink, queryOf } from './sinks/node-sink.js'
import type { ChannelMembersOptions, ChannelMembersRequest } from './streams/channel-members.js'
import type { EventHistoryOptions } from './streams/event-history.js'
import { maxChangeBytes, requestedChannels } from './streams/requested.js'
import type { EventStreamOptions } from './streams/stream-options.js'

export { endIfStalled, headersFor, lastEventIdOf, type NodeResponse, NodeSink }

/** The channels that a request asks for with its query parameters `channel`. `undefined` if it has none. */
export function requestedChannelsOf({
  url = '',
}: Pick<IncomingMessage | Http2ServerRequest, 'url'>): readonly string[] | undefined {
  return requestedChannels(queryOf(url))
}

/** The `Accept-Encoding` header of a request, for the option `compression`. */
export function acceptEncodingOf({
  headers,
}: Pick<IncomingMessage | Http2ServerRequest, 'headers'>): string | undefined {
  return headers['accept-encoding'] as string | undefined
}

/**
 * Reads the body of a request to change a stream, for `manager.answerControl`. Never rejects: too large a body is refused there.
 *
 * @param signal Aborts when nobody waits for the body any more. Nothing is kept of it then.
 */
export function controlBodyOf(request: IncomingMessage | Http2ServerRequest, signal?: AbortSignal): Promise<unknown> {
  return nodeBody(request, maxChangeBytes, signal)
}

/**
 * Answers a Node.js request, of HTTP/1.x or HTTP/2, with an event stream.
 *
 * Sends headers that are already set on the response along with it. Resolves when the stream is open or the request
 * refused; never rejects. Errors go to the manager's `onError`, and the client receives a status.
 *
 * @example
 * createServer((request, response) => handleEventStream(manager, request, response)).listen(8080)
 */
export function handleEventStream<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  response: NodeResponse,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<void> {
  const sink = new NodeSink(response)
  const asked = {
    raw: request,
    lastEventId: lastEventIdOf(request),
    requested: requestedChannelsOf(request),
    acceptEncoding: acceptEncodingOf(request),
  }
  return manager.connect(asked, sink, options)
}

/**
 * Answers a Node.js request, of HTTP/1.x or HTTP/2, to change the channels of an open stream. Serve it for POST at the stream's
 * path followed by `/control`, with the same options as the stream. Headers that are already set on the response are sent
 * along. Reads the body, unless middleware has parsed it into `request.body`. Never rejects.
 *
 * @example
 * if (request.method === 'POST' && path === '/events/control') handleStreamControl(manager, request, response, options)
 */
export async function handleStreamControl<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  response: NodeResponse,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<void> {
  const body = ({ signal }: CallbackOptions) => controlBodyOf(request, signal)
  sendAnswer(response, await manager.answerControl({ raw: request, body, sink: new NodeSink(response) }, options))
}

/**
 * Answers a Node.js request, of HTTP/1.x or HTTP/2, with kept events that are older than those that a page shows. Serve it for
 * GET at the stream's path followed by `/history`, with the same options as the stream. Headers that are already set on the
 * response are sent along. Never rejects.
 *
 * @example
 * if (path === '/events/history') handleEventHistory(manager, request, response, options)
 */
export async function handleEventHistory<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  response: NodeResponse,
  options: EventHistoryOptions<Request, Context, Contract> = {},
): Promise<void> {
  sendAnswer(response, await manager.answerHistory(readingOf(request, response), options))
}

/**
 * Answers a Node.js request, of HTTP/1.x or HTTP/2, with the members of a channel. Serve it for GET at the stream's path
 * followed by `/members`, with the same options as the stream. Headers that are already set on the response are sent along.
 * Never rejects.
 *
 * @example
 * if (path === '/events/members') handleChannelMembers(manager, request, response, options)
 */
export async function handleChannelMembers<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  response: NodeResponse,
  options: ChannelMembersOptions<Request, Context, Contract> = {},
): Promise<void> {
  sendAnswer(response, await manager.answerMembers(readingOf(request, response), options))
}

/**
 * Answers a Node.js request, of HTTP/1.x or HTTP/2, with a run: all of its events, or those after the client's cursor, until
 * its end. With `start`, for a POST, it starts the run first. Headers that are already set on the response are sent along.
 *
 * Resolves when the stream is open or the request refused; never rejects. Errors go to the manager's `onError`, and the
 * client gets a status.
 *
 * @example
 * handleRunStream(runs, request, response, { id: () => 'answer:42', authorize: (request, { run }) => run?.key ===
 * userOf(request) })
 */
export function handleRunStream<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  runs: RunManager<Contract, ManagerContext>,
  request: Request,
  response: NodeResponse,
  options: RunStreamOptions<Request, Context>,
): Promise<void> {
  return runs.connect({ raw: request, lastEventId: lastEventIdOf(request) }, new NodeSink(response), options)
}

/**
 * Answers a Node.js request to stop a run: 200 with its end, or 404 if it does not exist. Choose the method of the route,
 * `DELETE` or `POST`. Never rejects.
 */
export async function handleRunStop<
  Contract extends EventContract,
  Request extends IncomingMessage | Http2ServerRequest,
  Context,
>(
  runs: RunManager<Contract>,
  request: Request,
  response: NodeResponse,
  options: RunStopOptions<Request, Context>,
): Promise<void> {
  sendAnswer(response, await runs.answerStop(request, options))
}

function readingOf<Request extends IncomingMessage | Http2ServerRequest>(
  request: Request,
  response: NodeResponse,
): ChannelMembersRequest<Request> {
  return { raw: request, query: queryOf(request.url ?? ''), sink: new NodeSink(response) }
}
