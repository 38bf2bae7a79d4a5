import type { EventContract, RunManager, RunStopOptions, RunStreamOptions } from '@rivulet/server'
import { lastEventIdOf, NodeSink } from '@rivulet/server/node'
// Not renamed: published types keep the name, which a type parameter of the same name would hide.
import type { Context, Middleware } from 'koa'
import { send } from './send.js'

/**
 * Koa middleware, for versions 2 and 3, that answers with a run: all its events, or those after the client's cursor, until its
 * end. With `start`, for a POST, it starts the run first. Like `eventStream`, it writes to Node.js's own response and never calls `next`.
 *
 * @example
 * router.get('/answers/:id', runStream(runs, {
 *   id: (ctx) => `answer:${ctx.params.id}`,
 *   authorize: (ctx, { run }) => ctx.state.user !== undefined && run?.key === ctx.state.user.id,
 * }))
 */
export function runStream<
  Contract extends EventContract,
  StreamContext extends ManagerContext | undefined = undefined,
  ManagerContext = unknown,
>(runs: RunManager<Contract, ManagerContext>, options: RunStreamOptions<Context, StreamContext>): Middleware {
  return (ctx) => {
    ctx.respond = false
    return runs.connect({ raw: ctx, lastEventId: lastEventIdOf(ctx.req) }, new NodeSink(ctx.res), options)
  }
}

/** Koa middleware that stops a run. It answers 200 with the run's end, or 404 if there is no such run. */
export function runStop<Contract extends EventContract, StreamContext = unknown>(
  runs: RunManager<Contract>,
  options: RunStopOptions<Context, StreamContext>,
): Middleware {
  return async (ctx) => {
    send(ctx, await runs.answerStop(ctx, options))
  }
}
