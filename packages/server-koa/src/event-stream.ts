import type {
  CallbackOptions,
  ChannelMembersOptions,
  ChannelMembersRequest,
  EventContract,
  EventHistoryOptions,
  EventManager,
  EventStreamOptions,
} from '@rivulet/server'
import { acceptEncodingOf, controlBodyOf, lastEventIdOf, NodeSink, requestedChannelsOf } from '@rivulet/server/node'
// Not renamed: published types keep the name, which a type parameter of the same name would hide.
import type { Context, Middleware } from 'koa'
import { send } from './send.js'

/**
 * Creates middleware for Koa 2 or 3 that answers with an event stream.
 *
 * It sets `ctx.respond = false` and writes to Node.js's own response, so that Koa sends neither a body nor a 404. The
 * stream is sent with the headers that earlier middleware has set; `ctx.body` is not used. The middleware resolves when
 * the stream is open or the request is refused, and never calls `next`.
 *
 * @example
 * // Without a user the context is undefined, which refuses with 401.
 * router.get('/events', eventStream(manager, { authorize: (ctx) => ({ context: ctx.state.user }) }))
 */
export function eventStream<
  Contract extends EventContract,
  StreamContext extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventStreamOptions<Context, StreamContext, Contract> = {},
): Middleware {
  return (ctx) => {
    ctx.respond = false
    const asked = {
      lastEventId: lastEventIdOf(ctx.req),
      requested: requestedChannelsOf(ctx.req),
      acceptEncoding: acceptEncodingOf(ctx.req),
    }
    return manager.connect({ raw: ctx, ...asked }, new NodeSink(ctx.res), options)
  }
}

/**
 * Creates middleware that changes the channels of open streams, for a POST route beside the stream's, with the same options.
 * By default clients send it to the stream's path followed by `/control`. It takes the body that a parser left in
 * `ctx.request.body`, or parses it itself.
 *
 * @example
 * router.get('/events', eventStream(manager, { authorize, channels, changeable: true }))
 * router.post('/events/control', streamControl(manager, { authorize, channels }))
 */
export function streamControl<
  Contract extends EventContract,
  StreamContext extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventStreamOptions<Context, StreamContext, Contract> = {},
): Middleware {
  return async (ctx) => {
    const body = ({ signal }: CallbackOptions) =>
      (ctx.request as { body?: unknown }).body ?? controlBodyOf(ctx.req, signal)
    send(ctx, await manager.answerControl({ raw: ctx, body, sink: new NodeSink(ctx.res) }, options))
  }
}

/**
 * Creates middleware that answers with kept events that are older than those that a page shows, for a GET route beside the
 * stream's, with the same options. By default clients send it to the stream's path followed by `/history`.
 *
 * @example
 * router.get('/events', eventStream(manager, { authorize, channels, replay: 50 }))
 * router.get('/events/history', eventHistory(manager, { authorize, channels }))
 */
export function eventHistory<
  Contract extends EventContract,
  StreamContext extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventHistoryOptions<Context, StreamContext, Contract> = {},
): Middleware {
  return async (ctx) => {
    send(ctx, await manager.answerHistory(readingOf(ctx), options))
  }
}

/**
 * Creates middleware that answers with the members of a channel, for a GET route beside the stream's, with the same options.
 * By default clients send it to the stream's path followed by `/members`.
 *
 * @example
 * router.get('/events', eventStream(manager, { authorize, channels, presence }))
 * router.get('/events/members', channelMembers(manager, { authorize, channels }))
 */
export function channelMembers<
  Contract extends EventContract,
  StreamContext extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: ChannelMembersOptions<Context, StreamContext, Contract> = {},
): Middleware {
  return async (ctx) => {
    send(ctx, await manager.answerMembers(readingOf(ctx), options))
  }
}

function readingOf(ctx: Context): ChannelMembersRequest<Context> {
  return { raw: ctx, query: ctx.querystring, sink: new NodeSink(ctx.res) }
}
