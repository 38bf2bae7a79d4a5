import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'
import { eventName, type Subject } from '../subject.js'

/** With its defaults: validation, history of 1,000 events, heartbeat, the limits per connection. */
export function createSubject(): Subject {
  const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
  const manager = new EventManager({ events })
  return {
    connect: (request, response) => handleEventStream(manager, request, response),
    connections: () => manager.connections.size,
    prepare: (payloads) => () => {
      for (const payload of payloads) manager.emit(eventName, payload)
    },
  }
}
