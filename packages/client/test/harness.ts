import { afterEach, beforeEach, vi } from 'vitest'
import { FakeClock } from '../../testing/src/fake-clock.js'
import { EventStreamService, type EventStreamServiceOptions } from '../src/index.js'
import { SseServer } from './sse-server.js'

export interface Harness {
  readonly server: SseServer
  readonly clock: FakeClock
  /** Makes a stream without a contract that uses the server and the clock. Closed after the test. */
  createStream(options?: Partial<EventStreamServiceOptions>): EventStreamService
}

/** Sets up a server, a clock and streams for each test of a file. */
export function useHarness(): Harness {
  let server: SseServer
  let clock: FakeClock
  const streams: EventStreamService[] = []

  beforeEach(async () => {
    server = await new SseServer().listen()
    clock = new FakeClock()
  })

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    await server.close()
  })

  return {
    get server() {
      return server
    },
    get clock() {
      return clock
    },
    createStream(options = {}) {
      const stream = new EventStreamService({ url: server.url, clock, ...options })
      // Each test checks errors itself.
      stream.onError(() => {})
      streams.push(stream)
      return stream
    },
  }
}

/** Settles when the condition holds. A busy machine may need most of the limit. */
export function until(condition: () => unknown, timeout = 15_000): Promise<void> {
  return vi.waitFor(
    () => {
      if (!condition()) throw new Error(`Still not true: ${condition}`)
    },
    { timeout, interval: 5 },
  )
}

/** Collects the `data` of every message of a stream. */
export function dataOf(stream: EventStreamService): string[] {
  const received: string[] = []
  stream.onMessage(({ data }) => received.push(data))
  return received
}
