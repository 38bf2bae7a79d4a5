import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BadServer {
  readonly url: string
  /** Time of each request, in milliseconds since the first, and its last event ID. */
  readonly requests: { readonly at: number; readonly lastEventId: string | undefined }[]
  close(): void
}

/** Answers every request in the same way. */
export async function startBadServer(answer: (response: ServerResponse, request: number) => void): Promise<BadServer> {
  const requests: BadServer['requests'] = []
  let first = 0
  const server = createServer((request: IncomingMessage, response) => {
    first ||= performance.now()
    requests.push({
      at: performance.now() - first,
      lastEventId: request.headers['last-event-id'] as string | undefined,
    })
    answer(response, requests.length)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Starts an event stream. */
export function stream(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(text)
}

/** Starts a stream, and breaks the connection once the client has had time to read it. */
export function breakStream(response: ServerResponse, text: string): void {
  stream(response, text)
  setTimeout(() => response.destroy(), 50)
}
