import type { ServerResponse } from 'node:http'
import { Http2ServerResponse } from 'node:http2'
import { headersFor, type NodeResponse } from './node-sink.js'
import type { PlainAnswer } from './plain-answer.js'

/**
 * Sends an answer that is no stream. Never throws: the handlers' callers await nothing, so an error would end the process.
 * Sends nothing if somebody else has answered, such as middleware with a time limit.
 *
 * @param stallMs As for `endIfStalled`.
 */
export function sendAnswer(response: NodeResponse, { status, headers, body }: PlainAnswer, stallMs?: number): void {
  const plain = response as ServerResponse
  if (plain.headersSent || plain.writableEnded) return
  try {
    endIfStalled(response, stallMs)
    plain.writeHead(status, headersFor(response, headers)).end(body)
  } catch {
    // Middleware has set headers that cannot be sent, or wrapped the response.
    plain.destroy()
  }
}

/**
 * Ends a response whose client takes nothing of it for a while, so that nobody can make answers pile up, and over HTTP/2 its stream
 * once it is sent, whatever the client has yet to send. For adapters that leave the sending to their framework.
 *
 * @param stallMs The time in milliseconds. @default 60_000
 */
export function endIfStalled(response: NodeResponse, stallMs = 60_000): void {
  if (response instanceof Http2ServerResponse) {
    const { stream } = response
    stream.setTimeout(stallMs, () => stream.destroy())
    stream.once('finish', () => stream.close())
    return
  }
  const { socket } = response
  if (!socket) return
  const { timeout = 0 } = socket
  response.setTimeout(stallMs, () => response.destroy())
  // Before Node.js sets the time limit of an idle connection.
  response.prependOnceListener('finish', () => socket.setTimeout(timeout))
}
