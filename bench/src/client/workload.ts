/** A stream as Rivulet's server writes it, the same for every client. */
export interface Workload {
  readonly chunks: readonly Uint8Array[]
  readonly events: number
  /** Total lengths of all events: of `content`, and of the unparsed `data`. */
  readonly contentLength: number
  readonly dataLength: number
}

export const eventName = 'token'

export interface Token {
  readonly content: string
}

/** 4 MiB of tokens, some 150 bytes each, in chunks of 16 KiB. */
export function createWorkload(): Workload {
  const firstPosition = 1_800_000_000_000 * 1_024
  let text = ''
  let events = 0
  let contentLength = 0
  let dataLength = 0
  while (text.length < 4 << 20) {
    const content = ` token ${events} of a text that is being made`
    const data = JSON.stringify({ content, index: events, timestamp: 1_800_000_000_000 + events, source: 'server' })
    text += `id: ${(firstPosition + events * 1_024).toString(36)}\nevent: ${eventName}\ndata: ${data}\n\n`
    events++
    contentLength += content.length
    dataLength += data.length
  }
  const bytes = new TextEncoder().encode(text)
  const chunks: Uint8Array[] = []
  for (let start = 0; start < bytes.length; start += 16_384) chunks.push(bytes.slice(start, start + 16_384))
  return { chunks, events, contentLength, dataLength }
}

/** Creates a `fetch` whose response has these chunks and then stays open. */
export function fetchOf(chunks: readonly Uint8Array[]): typeof fetch {
  return async () => {
    let next = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = chunks[next++]
        if (chunk) controller.enqueue(chunk)
        // Nothing more arrives. If the stream ended, the clients would reconnect.
        else return new Promise(() => {})
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}
