import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeStream } from '@rivulet/core'
import { onTestFinished } from 'vitest'
import type { Emit } from './emit.js'

interface Emitted {
  readonly type: string
  readonly payload: Record<string, unknown>
}

/** Creates an `emit` that records its events. */
export function recordingEmit(): { emit: Emit; emitted: Emitted[] } {
  const emitted: Emitted[] = []
  const emit: Emit = (type, payload) => {
    emitted.push({ type, payload: payload as Record<string, unknown> })
  }
  return { emit, emitted }
}

/** Serves a handler on a free port until the end of the test. Returns its origin. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** An event as it arrived over the wire. */
export interface Received {
  readonly id: string
  readonly type: string
  readonly data: Record<string, unknown>
}

/** Opens an event stream. `until` reads to the first matching event and returns all events up to it. */
export async function openStream(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ until: (matches: (event: Received) => boolean) => Promise<Received[]>; close: () => void }> {
  const closing = new AbortController()
  onTestFinished(() => closing.abort())
  const response = await fetch(url, { headers, signal: closing.signal })
  const messages = decodeStream(response.body!)[Symbol.asyncIterator]()
  return {
    close: () => closing.abort(),
    async until(matches) {
      const seen: Received[] = []
      for (;;) {
        const { value, done } = await messages.next()
        if (done) throw new Error(`The stream ended. It brought: ${JSON.stringify(seen)}`)
        const event = { id: value.lastEventId, type: value.event, data: JSON.parse(value.data) }
        seen.push(event)
        if (matches(event)) return seen
      }
    },
  }
}

/** Matches the log line with this text. */
export function line(text: string): (event: Received) => boolean {
  return ({ type, data }) => type === 'log' && String(data.message).includes(text)
}
