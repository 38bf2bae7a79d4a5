import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'

/**
 * Reads the body of a request: what middleware has parsed it into (`request.body`), or else its bytes. Never rejects, and
 * keeps at most `maxBytes` and a chunk: whoever gets more than `maxBytes` refuses the request.
 *
 * @returns `undefined` if there is none, or it was read by somebody else, or the client has left.
 */
export function nodeBody(request: IncomingMessage | Http2ServerRequest, maxBytes: number): Promise<unknown> {
  const { body } = request as { body?: unknown }
  if (body !== undefined) return Promise.resolve(body)
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve(undefined)
    const chunks: Uint8Array[] = []
    let size = 0
    request.on('data', (chunk: Uint8Array) => {
      // The rest is read and dropped, so that the client gets its answer.
      if (size > maxBytes) return
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes) resolve(Buffer.concat(chunks))
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', () => resolve(undefined))
    request.on('close', () => resolve(undefined))
  })
}
