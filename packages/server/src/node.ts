import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { EventContract } from '@rivulet/core'
import type { EventManager } from './event-manager.js'
import { lastEventIdOf, type NodeResponse, NodeSink } from './sinks/node-sink.js'
import type { EventStreamOptions } from './streams/stream-options.js'

export { lastEventIdOf, type NodeResponse, NodeSink }

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
  Context,
>(
  manager: EventManager<Contract>,
  request: Request,
  response: NodeResponse,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<void> {
  const sink = new NodeSink(response)
  return manager.connect({ raw: request, lastEventId: lastEventIdOf(request) }, sink, options)
}
