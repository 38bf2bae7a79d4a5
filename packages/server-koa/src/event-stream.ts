import type { EventContract, EventManager, EventStreamOptions } from '@rivulet/server'
import { lastEventIdOf, NodeSink } from '@rivulet/server/node'
import type { Context as KoaContext, Middleware } from 'koa'

/**
 * Koa middleware, for versions 2 and 3, that answers with an event stream.
 *
 * It sets `ctx.respond = false` and writes to Node.js's own response: Koa would send a body of its own, or 404. Headers
 * that earlier middleware has set are sent with the stream; middleware that works on `ctx.body` has nothing to do. It
 * resolves when the stream is open, or the request refused, and never calls `next`.
 *
 * @example
 * // Without a user, the context is undefined: 401.
 * router.get('/events', eventStream(manager, { authorize: (ctx) => ({ context: ctx.state.user }) }))
 */
export function eventStream<Contract extends EventContract, Context = unknown>(
  manager: EventManager<Contract>,
  options: EventStreamOptions<KoaContext, Context, Contract> = {},
): Middleware {
  return (ctx) => {
    ctx.respond = false
    return manager.connect({ raw: ctx, lastEventId: lastEventIdOf(ctx.req) }, new NodeSink(ctx.res), options)
  }
}
