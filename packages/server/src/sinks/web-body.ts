import { BodyParts } from './body-parts.js'

/**
 * Reads the body of a request. Never rejects, and keeps at most `maxBytes` and a chunk, or nothing once the signal has aborted.
 *
 * @returns `undefined` if there is none, or it was read by somebody else, or the client has left.
 */
export async function webBody(
  request: Request,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (!request.body || request.bodyUsed) return undefined
  const parts = new BodyParts(maxBytes)
  try {
    const reader = request.body.getReader()
    const cancel = () => void reader.cancel().catch(() => {})
    signal?.addEventListener('abort', cancel)
    while (!parts.full) {
      const { done, value } = await reader.read()
      if (done) break
      parts.add(value)
    }
    if (parts.full) cancel()
  } catch {
    return undefined
  }
  return parts.take()
}
