import { RedisBackplane } from '@rivulet/backplane-redis'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { eventName } from '../../server/subject.js'
import type { CreateClusterSubject } from '../subject.js'

/** With its defaults: validation, 1,000 events of history, heartbeat, the limits per connection. */
export const createSubject: CreateClusterSubject = (redisPort) => {
  const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
  const backplane = redisPort ? new RedisBackplane({ client: new Redis(redisPort, '127.0.0.1') }) : undefined
  const manager = new EventManager({ events, ...(backplane && { backplane }) })
  return {
    attach: (server) => server.on('request', (request, response) => handleEventStream(manager, request, response)),
    connections: () => manager.connections.size,
    publish: (payload) => manager.publish(eventName, payload),
  }
}
