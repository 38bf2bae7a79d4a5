import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Emit } from './emit.js'

interface Emitted {
  readonly type: string
  readonly payload: Record<string, unknown>
}

/** An `emit` that keeps what it was given. */
export function recordingEmit(): { emit: Emit; emitted: Emitted[] } {
  const emitted: Emitted[] = []
  const emit: Emit = (type, payload) => {
    emitted.push({ type, payload: payload as Record<string, unknown> })
  }
  return { emit, emitted }
}

/** Serves a handler on a free port until the test is over; returns its origin. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
