import type { EventContract } from '@rivulet/core'
import type { EventManager } from './event-manager.js'
import type { RunManager } from './runs/run-manager.js'
import type { RunStreamOptions } from './runs/run-route.js'
import type { RunStopOptions } from './runs/run-stop.js'
import type { CallbackOptions } from './runtime/guard.js'
import type { PlainAnswer } from './sinks/plain-answer.js'
import { webBody } from './sinks/web-body.js'
import { WebSink } from './sinks/web-sink.js'
import type { ChannelMembersOptions } from './streams/channel-members.js'
import type { EventHistoryOptions } from './streams/event-history.js'
import { maxChangeBytes, requestedChannels } from './streams/requested.js'
import type { EventStreamOptions } from './streams/stream-options.js'

/**
 * Answers a web-standard request with an event stream, for Hono, Next.js route handlers, Bun, Deno and workers.
 *
 * Resolves when the stream is open or the request refused; never rejects. Errors go to the manager's `onError`, and the
 * client receives a status.
 *
 * Bun cuts requests that are idle for 10 s: set the `idleTimeout` of `Bun.serve` to 0, or shorten the heartbeat interval. On
 * Cloudflare Workers the manager must live in a Durable Object, because one request may not write to the stream of another.
 *
 * @example
 * app.get('/events', (context) => eventStreamResponse(manager, context.req.raw))
 */
export function eventStreamResponse<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<Response> {
  const sink = new WebSink(request)
  const requested = requestedChannels(new URL(request.url).search.slice(1))
  const acceptEncoding = request.headers.get('accept-encoding') ?? undefined
  void manager.connect({ raw: request, lastEventId: lastEventIdOf(request), requested, acceptEncoding }, sink, options)
  return sink.response
}

/**
 * Answers a web-standard request to change the channels of an open stream. Serve it for POST at the stream's path followed by
 * `/control`, with the same options as the stream. Never rejects.
 *
 * @example
 * app.post('/events/control', (context) => streamControlResponse(manager, context.req.raw, options))
 */
export function streamControlResponse<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<Response> {
  const body = ({ signal }: CallbackOptions) => webBody(request, maxChangeBytes, signal)
  return respond(request, (sink) => manager.answerControl({ raw: request, body, sink }, options))
}

/**
 * Answers a web-standard request with kept events that are older than those that a page shows. Serve it for GET at the stream's
 * path followed by `/history`, with the same options as the stream. Never rejects.
 *
 * @example
 * app.get('/events/history', (context) => eventHistoryResponse(manager, context.req.raw, options))
 */
export function eventHistoryResponse<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  options: EventHistoryOptions<Request, Context, Contract> = {},
): Promise<Response> {
  const query = new URL(request.url).search.slice(1)
  return respond(request, (sink) => manager.answerHistory({ raw: request, query, sink }, options))
}

/**
 * Answers a web-standard request with the members of a channel. Serve it for GET at the stream's path followed by `/members`,
 * with the same options as the stream. Never rejects.
 *
 * @example
 * app.get('/events/members', (context) => channelMembersResponse(manager, context.req.raw, options))
 */
export function channelMembersResponse<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  request: Request,
  options: ChannelMembersOptions<Request, Context, Contract> = {},
): Promise<Response> {
  const query = new URL(request.url).search.slice(1)
  return respond(request, (sink) => manager.answerMembers({ raw: request, query, sink }, options))
}

/**
 * Answers a web-standard request with a run: all its events, or those after the client's cursor, until its end. With `start`,
 * for a POST, it starts the run first.
 *
 * Resolves when the stream is open or the request refused; never rejects: errors go to the manager's `onError`, and the
 * client gets a status.
 *
 * @example
 * app.get('/answers/:id', (context) => runStreamResponse(runs, context.req.raw, { id: () => context.req.param('id'), authorize }))
 */
export function runStreamResponse<
  Contract extends EventContract,
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  runs: RunManager<Contract, ManagerContext>,
  request: Request,
  options: RunStreamOptions<Request, Context>,
): Promise<Response> {
  const sink = new WebSink(request)
  void runs.connect({ raw: request, lastEventId: lastEventIdOf(request) }, sink, options)
  return sink.response
}

/** Answers a web-standard request to stop a run: 200 with the run's end, or 404 if there is no such run. Never rejects. */
export async function runStopResponse<Contract extends EventContract, Context = unknown>(
  runs: RunManager<Contract>,
  request: Request,
  options: RunStopOptions<Request, Context>,
): Promise<Response> {
  const { status, headers, body } = await runs.answerStop(request, options)
  return new Response(body || null, { status, headers })
}

/** Responds with an answer that is no stream, or with 499 as soon as the client has left. */
function respond(request: Request, answer: (sink: WebSink) => Promise<PlainAnswer>): Promise<Response> {
  const sink = new WebSink(request)
  void answer(sink).then(({ status, headers, body }) => {
    if (!sink.closed) sink.refuse({ status, headers, message: body })
  })
  return sink.response
}

function lastEventIdOf({ headers, url }: Request): string | undefined {
  return headers.get('last-event-id') || (new URL(url).searchParams.get('lastEventId') ?? undefined)
}
