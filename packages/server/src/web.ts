import type { EventContract } from '@rivulet/core'
import type { EventManager } from './event-manager.js'
import { WebSink } from './sinks/web-sink.js'
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
export function eventStreamResponse<Contract extends EventContract, Context = unknown>(
  manager: EventManager<Contract>,
  request: Request,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<Response> {
  const sink = new WebSink(request)
  const { headers, url } = request
  const lastEventId = headers.get('last-event-id') || (new URL(url).searchParams.get('lastEventId') ?? undefined)
  void manager.connect({ raw: request, lastEventId }, sink, options)
  return sink.response
}
