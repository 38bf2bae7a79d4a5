/**
 * Reads the body of a request. Never rejects, and keeps at most `maxBytes` and a chunk: whoever gets more than `maxBytes`
 * refuses the request.
 *
 * @returns `undefined` if there is none, or it was read by somebody else, or the client has left.
 */
export async function webBody(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (!request.body || request.bodyUsed) return undefined
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    const reader = request.body.getReader()
    while (size <= maxBytes) {
      const { done, value } = await reader.read()
      if (done) break
      chunks.push(value)
      size += value.length
    }
    if (size > maxBytes) void reader.cancel().catch(() => {})
  } catch {
    return undefined
  }
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
