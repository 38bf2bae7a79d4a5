import type { FakeConnection } from './fake-connection.js'

/**
 * Creates a response without a body, or with the body of a connection. Without a global `Response`, as in Jest's jsdom, it
 * creates the parts that a client reads, with a body of text instead of bytes.
 */
export function fakeResponse(status: number, connection?: FakeConnection): Response {
  const headers = new Headers(connection && { 'content-type': 'text/event-stream' })
  if (typeof Response === 'function') return new Response(connection ? streamOf(connection) : null, { status, headers })
  const body = connection ? { getReader: () => connection } : null
  return { ok: status >= 200 && status < 300, status, statusText: '', url: '', headers, body } as object as Response
}

/** Creates a response with JSON. */
export function fakeJson(value: object): Response {
  const headers = new Headers({ 'content-type': 'application/json' })
  if (typeof Response === 'function') return new Response(JSON.stringify(value), { headers })
  return {
    ok: true,
    status: 200,
    statusText: '',
    url: '',
    headers,
    body: null,
    json: async () => value,
  } as object as Response
}

function streamOf(connection: FakeConnection): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await connection.read()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      cancel: () => connection.cancel(),
    },
    // Without a buffer, the stream asks for more exactly when its reader has handled everything before.
    { highWaterMark: 0 },
  )
}
