// The clients of one node, in their own process.
import { serve } from '../child.js'
import { openConnection } from '../server/client-connection.js'
import { now, sleep } from '../server/clock.js'
import { openSocketIo } from './socket-io-connection.js'
import type { Library } from './subject-names.js'

export interface ConnectPlan {
  readonly port: number
  readonly library: Library
  readonly connections: number
}

export interface Received {
  /** Missing deliveries, and those beyond the published events. */
  readonly missing: number
  readonly extra: number
  /** All received bytes, including the framing of HTTP and WebSocket, but not of TCP. */
  readonly bytes: number
  /** Errors of connections. */
  readonly failure: string | undefined
  /** Time at which the last client had each event, in milliseconds. */
  readonly lastAt: readonly number[]
}

const atOnce = 100
/** Number of clients that check each event and the order. */
const sampled = 10
const open = { rivulet: openConnection, orpc: openConnection, 'socket.io': openSocketIo }
const requests: Partial<Record<Library, string>> = {
  orpc: 'POST /live HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n',
}

let counts = new Uint32Array(0)
let lastAt: number[] = []
let bytes = 0
let failure: Error | undefined

const service = {
  async connect({ port, library, connections }: ConnectPlan): Promise<void> {
    counts = new Uint32Array(connections)
    for (let first = 0; first < connections; first += atOnce) {
      const numbers = Array.from({ length: Math.min(atOnce, connections - first) }, (_, index) => first + index)
      await Promise.all(
        numbers.map((number) =>
          open[library]({
            port,
            address: '127.0.0.1',
            request: requests[library],
            samples: number < sampled ? { seq: [], at: [] } : undefined,
            stalled: false,
            onEvents: (count) => note(number, count),
            onChunk: (chunk) => {
              bytes += chunk.length
            },
            onFailure: (error) => {
              failure ??= error
            },
          }),
        ),
      )
    }
  },

  /** Restarts the count of events. */
  begin(): void {
    counts.fill(0)
    lastAt = []
    bytes = 0
    failure = undefined
  },

  /** Resolves when every client has this many events, or when nothing has arrived for a while. */
  async received({ events, patienceMs }: { events: number; patienceMs: number }): Promise<Received> {
    let before = -1
    let waitedSince = now()
    const wanted = events * counts.length
    for (let total = sum(); total < wanted; total = sum()) {
      if (total !== before) waitedSince = now()
      before = total
      if (now() - waitedSince > patienceMs) break
      await sleep(10)
    }
    let missing = 0
    let extra = 0
    for (const count of counts) {
      missing += Math.max(0, events - count)
      extra += Math.max(0, count - events)
    }
    return { missing, extra, bytes, failure: failure?.message, lastAt }
  },

  cpu: (): number => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
}

export type LoadService = typeof service

serve(service)

/** Each client gets its events in order, so the count of earlier events identifies these. */
function note(client: number, count: number): void {
  const time = now()
  const from = counts[client]!
  for (let event = from; event < from + count; event++) lastAt[event] = time
  counts[client] = from + count
}

function sum(): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
