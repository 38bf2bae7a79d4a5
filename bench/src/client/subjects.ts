import { eventName, type Token } from './workload.js'

const url = 'http://127.0.0.1/events'

/** Starts to receive. `onText` gets the token's content, or the unparsed data. Returns a function that stops it. */
export type Start = (fetch: typeof globalThis.fetch, onText: (text: string) => void) => () => void

export interface Subject {
  readonly name: string
  /** Argument of the handler. */
  readonly gives: 'object' | 'text'
  load(): Promise<Start>
}

// If a client gives text and Rivulet an object, the handler parses the JSON, as an application would.
export const subjects: readonly Subject[] = [
  {
    name: 'rivulet, on',
    gives: 'object',
    load: async () => {
      const { EventStreamService } = await import('@rivulet/client')
      return (fetch, onText) => {
        const stream = new EventStreamService({ url, fetch })
        stream.on(eventName, (event) => onText((event as unknown as Token).content))
        stream.connect()
        return () => stream.close()
      }
    },
  },
  {
    name: 'rivulet, onMessage',
    gives: 'text',
    load: async () => {
      const { EventStreamService } = await import('@rivulet/client')
      return (fetch, onText) => {
        const stream = new EventStreamService({ url, fetch })
        stream.onMessage(({ data }) => onText(data))
        stream.connect()
        return () => stream.close()
      }
    },
  },
  {
    name: 'rivulet, for await',
    gives: 'object',
    load: async () => {
      const { EventStreamService } = await import('@rivulet/client')
      return (fetch, onText) => {
        const stream = new EventStreamService({ url, fetch })
        void (async () => {
          for await (const event of stream.events(eventName)) onText((event as unknown as Token).content)
        })()
        return () => stream.close()
      }
    },
  },
  {
    name: 'eventsource-client 1.2.0, onMessage + JSON.parse',
    gives: 'object',
    load: async () => {
      const { createEventSource } = await import('eventsource-client')
      return (fetch, onText) => {
        const source = createEventSource({ url, fetch, onMessage: ({ data }) => onText(contentOf(data)) })
        return () => source.close()
      }
    },
  },
  {
    name: 'eventsource-client 1.2.0, onMessage',
    gives: 'text',
    load: async () => {
      const { createEventSource } = await import('eventsource-client')
      return (fetch, onText) => {
        const source = createEventSource({ url, fetch, onMessage: ({ data }) => onText(data) })
        return () => source.close()
      }
    },
  },
  {
    name: 'eventsource-client 1.2.0, for await + JSON.parse',
    gives: 'object',
    load: async () => {
      const { createEventSource } = await import('eventsource-client')
      return (fetch, onText) => {
        const source = createEventSource({ url, fetch })
        void (async () => {
          for await (const { data } of source) onText(contentOf(data))
        })()
        return () => source.close()
      }
    },
  },
  {
    name: 'eventsource 4.1.1 + JSON.parse',
    gives: 'object',
    load: async () => {
      const { EventSource } = await import('eventsource')
      return (fetch, onText) => {
        const source = new EventSource(url, { fetch: (input, init) => fetch(input as string, init as RequestInit) })
        source.addEventListener(eventName, ({ data }) => onText(contentOf(data)))
        return () => source.close()
      }
    },
  },
  {
    name: 'fetch-event-source 2.0.1 + JSON.parse',
    gives: 'object',
    load: async () => {
      // This client is made for pages and uses both unconditionally.
      Object.assign(globalThis, { window: globalThis, document: { hidden: false, removeEventListener() {} } })
      const { fetchEventSource } = await import('@microsoft/fetch-event-source')
      return (fetch, onText) => {
        const abort = new AbortController()
        void fetchEventSource(url, {
          fetch,
          signal: abort.signal,
          openWhenHidden: true,
          onmessage: ({ data }) => onText(contentOf(data)),
        })
        return () => abort.abort()
      }
    },
  },
  {
    name: 'event-source-plus 0.1.15 + JSON.parse',
    gives: 'object',
    load: async () => {
      const { EventSourcePlus } = await import('event-source-plus')
      return (fetch, onText) => {
        const source = new EventSourcePlus(url, { fetch })
        const controller = source.listen({ onMessage: ({ data }) => onText(contentOf(data)) })
        return () => controller.abort()
      }
    },
  },
  {
    name: 'extended-eventsource 2.1.0 + JSON.parse',
    gives: 'object',
    load: async () => {
      const { EventSource } = await import('extended-eventsource')
      return (fetch, onText) => {
        const source = new EventSource(url, { fetch, disableLogger: true })
        source.addEventListener(eventName, ({ data }: MessageEvent<string>) => onText(contentOf(data)))
        return () => source.close()
      }
    },
  },
  {
    name: 'fetch-event-stream 0.1.6, for await + JSON.parse',
    gives: 'object',
    load: async () => {
      const { events } = await import('fetch-event-stream')
      return (fetch, onText) => {
        const abort = new AbortController()
        void (async () => {
          for await (const { data } of events(await fetch(url), abort.signal)) {
            if (data !== undefined) onText(contentOf(data))
          }
        })()
        return () => abort.abort()
      }
    },
  },
]

function contentOf(data: string): string {
  return (JSON.parse(data) as Token).content
}
