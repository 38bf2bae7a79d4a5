import type { StreamControlAnswer } from '@rivulet/server'
import { endIfStalled, headersFor } from '@rivulet/server/node'
import type { Context } from 'koa'

/** Leaves an answer that is no stream to Koa, which sends it. */
export function send(ctx: Context, { status, headers, body }: StreamControlAnswer): void {
  ctx.status = status
  ctx.set(headersFor(ctx.res, headers))
  ctx.body = body
  endIfStalled(ctx.res)
}
