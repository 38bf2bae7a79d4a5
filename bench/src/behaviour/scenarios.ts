import { setTimeout as pass } from 'node:timers/promises'
import { type BadServer, breakStream, startBadServer, stream } from './bad-server.js'
import type { Start } from './subjects.js'

export interface Verdict {
  readonly good: boolean
  /** Counts behind the outcome. */
  readonly seen: string
}

export interface Scenario {
  readonly name: string
  run(start: Start): Promise<Verdict>
}

const three = 'data: 1\n\ndata: 2\n\ndata: 3\n\n'

/** Things that a server may do to its clients, and whether they survive: rows of the docs' comparison. */
export const scenarios: readonly Scenario[] = [
  {
    name: '`retry: 0` causes no storm',
    run: async (start) => {
      const { requests } = await watch(start, 3_000, (response) => breakStream(response, 'retry: 0\n\n'))
      return { good: requests.length < 10, seen: `${requests.length} requests in 3 s` }
    },
  },
  {
    name: 'waits for `Retry-After`',
    run: async (start) => {
      const second = (await watch(start, 8_000, refuse)).requests[1]
      return {
        good: second !== undefined && second.at >= 3_000,
        seen: second ? `${Math.round(second.at)} ms` : 'never',
      }
    },
  },
  {
    name: 'retries after 503',
    run: async (start) => {
      const { requests } = await watch(start, 8_000, refuse)
      return { good: requests.length > 1, seen: `${requests.length} requests` }
    },
  },
  {
    name: 'ends the stream on 204',
    run: async (start) => {
      const { requests } = await watch(start, 8_000, (response) => response.writeHead(204).end())
      return { good: requests.length === 1, seen: `${requests.length} requests in 8 s` }
    },
  },
  {
    name: 'refuses `text/html`',
    run: async (start) => {
      const { texts } = await watch(start, 1_000, (response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end(three)
      })
      return { good: texts.length === 0, seen: `${texts.length} events` }
    },
  },
  {
    name: 'ignores the id of an event that was cut short',
    run: async (start) => {
      const cut = 'retry: 50\n\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n'
      const { requests } = await watch(start, 8_000, (response) => breakStream(response, cut))
      const asked = requests[1]?.lastEventId
      return { good: asked === '1', seen: asked === undefined ? 'nothing asked for' : `resumes after ${asked}` }
    },
  },
  {
    name: 'stops at once when a handler calls `close()`',
    run: async (start) => {
      const texts: string[] = []
      const server = await startBadServer((response) => stream(response, three))
      const close = start(server.url, (text) => {
        texts.push(text)
        close()
      })
      await pass(1_000)
      server.close()
      return { good: texts.length === 1, seen: `${texts.length} events` }
    },
  },
  {
    name: 'loses no event when a handler throws',
    run: async (start) => {
      const { texts } = await watch(start, 1_000, (response) => stream(response, three), true)
      return { good: texts.join() === '1,2,3', seen: texts.join() }
    },
  },
]

function refuse(response: Parameters<Parameters<typeof startBadServer>[0]>[0]): void {
  response.writeHead(503, { 'retry-after': '3' }).end()
}

/** Exposes a client to a server for this time. */
async function watch(
  start: Start,
  forMs: number,
  answer: Parameters<typeof startBadServer>[0],
  throws = false,
): Promise<{ requests: BadServer['requests']; texts: string[] }> {
  const server = await startBadServer(answer)
  const texts: string[] = []
  const close = start(server.url, (text) => {
    texts.push(text)
    if (throws && texts.length === 1) throw new Error('A mistake in the handler')
  })
  await pass(forMs)
  close()
  server.close()
  return { requests: [...server.requests], texts }
}
