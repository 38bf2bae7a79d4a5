import { createChannel, createSession } from 'better-sse'
import { eventName, type Subject } from '../subject.js'

/** A channel with its defaults, as in its README. */
export function createSubject(): Subject {
  const channel = createChannel()
  return {
    connect: async (request, response) => {
      channel.register(await createSession(request, response))
    },
    connections: () => channel.sessionCount,
    prepare: (payloads) => () => {
      for (const payload of payloads) channel.broadcast(payload, eventName)
    },
  }
}
