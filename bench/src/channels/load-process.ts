// The clients of the node with many channels.
import type { Socket } from 'node:net'
import { serve } from '../child.js'
import { openConnection } from '../server/client-connection.js'
import { now, sleep } from '../server/clock.js'

export interface Streams {
  readonly port: number
  readonly connections: number
  /** Number of channels of each client. */
  readonly channelsEach: number
}

const atOnce = 50
const patienceMs = 30_000

let total = 0
let lastAt = 0
let gaps = 0
let failure: Error | undefined

const service = {
  /** Opens all streams. A stream opens when its node has subscribed to its channels. */
  async open({ port, connections, channelsEach }: Streams): Promise<void> {
    for (let first = 0; first < connections; first += atOnce) {
      const numbers = Array.from({ length: Math.min(atOnce, connections - first) }, (_, index) => first + index)
      await Promise.all(numbers.map((number) => openStream(port, number * channelsEach, channelsEach)))
    }
  },

  /** Resolves with the time of the last event when this many events have reached all streams together. */
  async received(events: number): Promise<number> {
    const begin = now()
    while (total < events) {
      if (failure) throw failure
      if (now() - begin > patienceMs) throw new Error(`Only ${total} of ${events} events arrived.`)
      await sleep(1)
    }
    if (total > events) throw new Error(`${total} events arrived instead of ${events}.`)
    return lastAt
  },

  /** Number of gaps that the streams received. */
  gaps: (): number => gaps,

  /**
   * Reconnects a client to a node that does not know its channels, after it missed one event on each. Returns the
   * milliseconds from the request to the last event.
   */
  async resume({
    port,
    from,
    count,
    after,
  }: {
    port: number
    from: number
    count: number
    after: string
  }): Promise<number> {
    const begin = now()
    const before = total
    let done = false
    const socket = await openStream(port, from, count, after, (error) => {
      if (!done) failure ??= error
    })
    await service.received(before + count)
    done = true
    socket.destroy()
    total = before
    return lastAt - begin
  },
}

export type LoadService = typeof service

serve(service)

function openStream(port: number, from: number, count: number, after?: string, onFailure = onLost): Promise<Socket> {
  const cursor = after ? `Last-Event-ID: ${after}\r\n` : ''
  return openConnection({
    port,
    address: '127.0.0.1',
    request: `GET /?from=${from}&count=${count} HTTP/1.1\r\nHost: 127.0.0.1\r\n${cursor}\r\n`,
    stalled: false,
    onEvents: (events) => {
      total += events
      lastAt = now()
    },
    onChunk: (chunk) => {
      if (chunk.includes('event: rivulet:gap')) gaps++
    },
    onFailure,
  })
}

function onLost(error: Error): void {
  failure ??= error
}
