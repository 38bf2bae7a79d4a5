import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EventContract } from '@rivulet/core'
import type { EventManager } from './event-manager.js'
import { lastEventIdOf, NodeHttp1Sink } from './sinks/node-http1.js'
import type { EventStreamOptions } from './stream-options.js'

/**
 * Answers a Node.js request with an event stream.
 *
 * Headers that were set on the response before are sent with it. Resolves when the stream is open or the request refused;
 * never rejects: what fails goes to the manager's `onError`, and the client gets a status.
 *
 * @example
 * createServer((request, response) => handleEventStream(manager, request, response)).listen(8080)
 */
export function handleEventStream<Contract extends EventContract, Request extends IncomingMessage, Context>(
  manager: EventManager<Contract>,
  request: Request,
  response: ServerResponse,
  options: EventStreamOptions<Request, Context, Contract> = {},
): Promise<void> {
  const sink = new NodeHttp1Sink(response)
  return manager.connect({ raw: request, lastEventId: lastEventIdOf(request) }, sink, options)
}
