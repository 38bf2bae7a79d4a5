/** Takes an event from a parser: the name may be missing, the data is there. */
export type OnEvent = (event: string | null | undefined, data: string) => void

/** Decodes all chunks, including the decoding of bytes to text. */
export type Decode = (chunks: readonly Uint8Array[], onEvent: OnEvent) => void | Promise<void>

export interface Subject {
  readonly name: string
  /** Subjects that the budget compares, which run most often. */
  readonly main: boolean
  load(): Promise<Decode>
}

/** The name of the subject that shows how fast a decoder can get at all. */
export const leastWork = 'least work'

// Each subject is loaded only in the process that measures it, so that no other subject's code interferes.
export const subjects: readonly Subject[] = [
  {
    name: 'rivulet',
    main: true,
    load: async () => {
      const { createDecoder } = await import('@rivulet/core')
      return (chunks, onEvent) => {
        const decoder = createDecoder({ onMessage: ({ event, data }) => onEvent(event, data) })
        for (const chunk of chunks) decoder.feed(chunk)
      }
    },
  },
  {
    name: 'eventsource-parser 4.1.3',
    main: true,
    load: async () => eventsourceParser((await import('eventsource-parser')).createParser),
  },
  {
    name: 'eventsource-parser 3.1.1',
    main: true,
    load: async () => eventsourceParser((await import('eventsource-parser-3')).createParser),
  },
  { name: leastWork, main: true, load: async () => decodeWithLeastWork },
  {
    name: 'fetch-event-source 2.0.1',
    main: false,
    load: async () => {
      // Uses its own parser, as for each chunk of a response.
      const { getLines, getMessages } = await import('@microsoft/fetch-event-source/lib/cjs/parse.js')
      const ignore = () => {}
      return (chunks, onEvent) => {
        const feed = getLines(getMessages(ignore, ignore, ({ event, data }) => onEvent(event, data)))
        for (const chunk of chunks) feed(chunk)
      }
    },
  },
  {
    name: '@server-sent-stream/parser 1.0.4',
    main: false,
    load: async () => {
      // The class is the default export of a CommonJS module, seen through an import.
      const { default: module } = await import('@server-sent-stream/parser')
      const Parser = 'default' in module ? (module.default as typeof module) : module
      return (chunks, onEvent) => {
        const text = new TextDecoder()
        const parser = new Parser((data, event) => onEvent(event, data))
        for (const chunk of chunks) parser.push(text.decode(chunk, { stream: true }))
      }
    },
  },
  {
    name: 'sse-decoder 1.0.0',
    main: false,
    load: async () => {
      const { LineDecoder, SSEDecoder } = await import('sse-decoder')
      return (chunks, onEvent) => {
        const lines = new LineDecoder()
        const decoder = new SSEDecoder()
        for (const chunk of chunks) {
          for (const line of lines.decode(chunk)) {
            const message = decoder.decode(line)
            if (message) onEvent(message.event, message.data)
          }
        }
      }
    },
  },
  {
    name: 'parse-sse 0.1.0 (stream)',
    main: false,
    load: async () => {
      const { parseServerSentEvents } = await import('parse-sse')
      return async (chunks, onEvent) => {
        for await (const { type, data } of parseServerSentEvents(new Response(streamOf(chunks)))) onEvent(type, data)
      }
    },
  },
  {
    name: 'fetch-event-stream 0.1.6 (stream)',
    main: false,
    load: async () => {
      const { events } = await import('fetch-event-stream')
      return async (chunks, onEvent) => {
        for await (const { event, data } of events(new Response(streamOf(chunks)))) {
          if (data !== undefined) onEvent(event, data)
        }
      }
    },
  },
  {
    name: '@azure/core-sse 2.4.0 (stream)',
    main: false,
    load: async () => {
      const { createSseStream } = await import('@azure/core-sse')
      return async (chunks, onEvent) => {
        for await (const { event, data } of createSseStream(streamOf(chunks))) onEvent(event, data)
      }
    },
  },
]

type CreateParser = (callbacks: { onEvent: (message: { event?: string | undefined; data: string }) => void }) => {
  feed(chunk: string): void
}

/** As in its README: text comes from a streaming `TextDecoder`. */
function eventsourceParser(createParser: CreateParser): Decode {
  return (chunks, onEvent) => {
    const text = new TextDecoder()
    const parser = createParser({ onEvent: ({ event, data }) => onEvent(event, data) })
    for (const chunk of chunks) parser.feed(text.decode(chunk, { stream: true }))
  }
}

/**
 * Does only what no decoder of text can leave out: one search for each line, a look at the field's name, one slice for each
 * field, one object and one call for each event. It knows the line end beforehand, and has no bounds.
 */
function decodeWithLeastWork(chunks: readonly Uint8Array[], onEvent: OnEvent): void {
  const utf8 = new TextDecoder()
  const first = utf8.decode(chunks[0])
  const isAscii = first.length === chunks[0]!.length
  const end = first.includes('\r\n') ? '\r\n' : first.includes('\r') ? '\r' : '\n'
  const onMessage = ({ event, data }: { event: string; data: string; id: string }) => onEvent(event, data)
  let rest = ''
  let event = ''
  let data: string | undefined
  let id = ''
  for (const chunk of chunks) {
    const decoded = isAscii ? utf8.decode(chunk) : utf8.decode(chunk, { stream: true })
    const text = rest ? [rest, decoded].join('') : decoded
    let start = 0
    for (let to = text.indexOf(end); to !== -1; to = text.indexOf(end, start)) {
      if (to === start) {
        if (data !== undefined) onMessage({ event: event || 'message', data, id })
        data = undefined
        event = ''
      } else {
        if (begins(text, start, 'data: ')) {
          const line = text.slice(start + 'data: '.length, to)
          data = data === undefined ? line : `${data}\n${line}`
        } else if (begins(text, start, 'event: ')) event = text.slice(start + 'event: '.length, to)
        else if (begins(text, start, 'id: ')) id = text.slice(start + 'id: '.length, to)
      }
      start = to + end.length
    }
    rest = text.slice(start)
  }
}

function begins(text: string, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) if (text.charCodeAt(start + i) !== name.charCodeAt(i)) return false
  return true
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++]
      if (chunk) controller.enqueue(chunk)
      else controller.close()
    },
  })
}
