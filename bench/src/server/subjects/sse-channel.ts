import SseChannel from 'sse-channel'
import { eventName, type Subject } from '../subject.js'

/** With ids, so that it keeps its history of 500 events, and with its own JSON encoding. */
export function createSubject(): Subject {
  const channel = new SseChannel({ jsonEncode: true })
  return {
    connect: (request, response) => channel.addClient(request, response),
    connections: () => channel.getConnectionCount(),
    prepare: (payloads) => () => {
      for (const payload of payloads) channel.send({ id: payload.seq, event: eventName, data: payload })
    },
  }
}
