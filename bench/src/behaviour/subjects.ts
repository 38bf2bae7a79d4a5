/** Starts to receive from the address, and passes on each event's text. Returns a function that stops it. */
export type Start = (url: string, onText: (text: string) => void) => () => void

export interface Subject {
  readonly name: string
  load(): Promise<Start>
}

/** Each client with its defaults, used as in its README. */
export const subjects: readonly Subject[] = [
  {
    name: 'rivulet',
    load: async () => {
      const { EventStreamService } = await import('@rivulet/client')
      return (url, onText) => {
        const stream = new EventStreamService({ url })
        stream.onError(() => {})
        stream.onMessage(({ data }) => onText(data))
        stream.connect()
        return () => stream.close()
      }
    },
  },
  {
    name: 'eventsource 5.1.5',
    load: async () => {
      const { EventSource } = await import('eventsource-5')
      return (url, onText) => {
        const source = new EventSource(url)
        source.addEventListener('message', ({ data }) => onText(data))
        return () => source.close()
      }
    },
  },
  {
    name: 'eventsource-client 1.2.0',
    load: async () => {
      const { createEventSource } = await import('eventsource-client')
      return (url, onText) => {
        const source = createEventSource({ url, onMessage: ({ data }) => onText(data) })
        return () => source.close()
      }
    },
  },
  {
    name: 'event-source-plus 0.1.15',
    load: async () => {
      const { EventSourcePlus } = await import('event-source-plus')
      return (url, onText) => {
        const controller = new EventSourcePlus(url).listen({ onMessage: ({ data }) => onText(data) })
        return () => controller.abort()
      }
    },
  },
  {
    name: '@microsoft/fetch-event-source 2.0.1',
    load: async () => {
      // This client is made for pages and uses both unconditionally.
      Object.assign(globalThis, { window: globalThis, document: { hidden: false, removeEventListener() {} } })
      const { fetchEventSource } = await import('@microsoft/fetch-event-source')
      return (url, onText) => {
        const abort = new AbortController()
        fetchEventSource(url, {
          signal: abort.signal,
          openWhenHidden: true,
          onmessage: ({ data }) => data && onText(data),
        }).catch(() => {})
        return () => abort.abort()
      }
    },
  },
]
