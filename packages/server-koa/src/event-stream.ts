import type { EventContract, EventManager, EventStreamOptions } from '@rivulet/server'
import { lastEventIdOf, NodeSink } from '@rivulet/server/node'
import type { Context as KoaContext, Middleware } from 'koa'

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
  Context extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(
  manager: EventManager<Contract, ManagerContext>,
  options: EventStreamOptions<KoaContext, Context, Contract> = {},
): Middleware {
  return (ctx) => {
    ctx.respond = false
    return manager.connect({ raw: ctx, lastEventId: lastEventIdOf(ctx.req) }, new NodeSink(ctx.res), options)
  }
}
