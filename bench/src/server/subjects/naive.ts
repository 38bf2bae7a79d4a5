import type { ServerResponse } from 'node:http'
import { sseHeaders, toFrame } from '../frame.js'
import type { Subject } from '../subject.js'

/** The usual handwritten code: a loop over the responses that encodes and writes each event for each of them. */
export function createSubject(): Subject {
  const responses = new Set<ServerResponse>()
  return {
    connect: (_request, response) => {
      response.writeHead(200, sseHeaders)
      response.flushHeaders()
      responses.add(response)
      response.on('close', () => responses.delete(response))
    },
    connections: () => responses.size,
    prepare: (payloads) => () => {
      for (const payload of payloads) for (const response of responses) response.write(toFrame(payload))
    },
  }
}
