import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { BodyParts } from './body-parts.js'

/**
 * Reads the body of a request: what middleware has parsed it into (`request.body`), or else its bytes. Never rejects, and
 * keeps at most `maxBytes` and a chunk, or nothing once the signal has aborted.
 *
 * @returns `undefined` if there is none, or it was read by somebody else, or the client has left.
 */
export function nodeBody(
  request: IncomingMessage | Http2ServerRequest,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<unknown> {
  const { body } = request as { body?: unknown }
  if (body !== undefined) return Promise.resolve(body)
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve(undefined)
    const parts = new BodyParts(maxBytes)
    request.on('data', (chunk: Uint8Array) => {
      // The rest is read and dropped, so that the client gets its answer.
      if (parts.full) return
      parts.add(chunk)
      if (parts.full) resolve(parts.take())
    })
    request.on('end', () => resolve(parts.take()))
    signal?.addEventListener('abort', () => {
      parts.drop()
      resolve(undefined)
    })
    request.on('error', () => resolve(undefined))
    request.on('close', () => resolve(undefined))
  })
}
