import { IORedisPublisher } from '@orpc/experimental-publisher/ioredis'
import { os } from '@orpc/server'
import { RPCHandler } from '@orpc/server/node'
import { Redis } from 'ioredis'
import type { TickPayload } from '../../server/event.js'
import { eventName } from '../../server/subject.js'
import { type CreateClusterSubject, requiredPort } from '../subject.js'

/** As in its documentation: a procedure that forwards the events of its publisher, with two minutes kept for resuming. */
export const createSubject: CreateClusterSubject = (redisPort) => {
  const port = requiredPort(redisPort)
  const publisher = new IORedisPublisher<{ [eventName]: TickPayload }>({
    commander: new Redis(port, '127.0.0.1'),
    listener: new Redis(port, '127.0.0.1'),
    resumeRetentionSeconds: 120,
  })
  let connections = 0
  const live = os.handler(async function* ({ signal, lastEventId }) {
    connections++
    try {
      for await (const payload of publisher.subscribe(eventName, { signal, lastEventId })) yield payload
    } finally {
      connections--
    }
  })
  const handler = new RPCHandler({ live })
  return {
    attach: (server) =>
      server.on('request', (request, response) => void handler.handle(request, response, { context: {} })),
    connections: () => connections,
    publish: (payload) => publisher.publish(eventName, payload),
  }
}
