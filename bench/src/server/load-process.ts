// The load generator: all clients of one server, in one process.
import { serve } from '../child.js'
import { openConnection } from './client-connection.js'
import { sleep } from './clock.js'
import type { Samples } from './sample-reader.js'

export interface ConnectPlan {
  readonly port: number
  readonly connections: number
  /** Number of connections that read each event, spread evenly. The others count. */
  readonly sampled: number
  /** Clients that never read, on top of the connections. */
  readonly stalled: number
  /** @default '/' */
  readonly path?: string
  /** @default None */
  readonly acceptEncoding?: string
  /** Number of connections being opened at the same time. @default 100 */
  readonly atOnce?: number
}

/**
 * Addresses of the server on the loopback network: each connection to one needs a port of the client's, of which there are some
 * 28,000. Own addresses for the clients would do as well, but then the kernel searches long for ports while old connections
 * still hold some.
 */
const addresses = Array.from({ length: 8 }, (_, index) => `127.0.0.${index + 1}`)
const patienceMs = 20_000

const samples: Samples = { seq: [], at: [] }
let connections = 0
let received = new Uint32Array(0)
let total = 0
let failure: Error | undefined

const service = {
  async connect(plan: ConnectPlan): Promise<void> {
    const { path = '/', atOnce = 100, acceptEncoding = 'identity' } = plan
    connections = plan.connections
    received = new Uint32Array(connections)
    const step = plan.sampled > 0 ? Math.max(1, Math.floor(connections / plan.sampled)) : Number.POSITIVE_INFINITY
    const all = connections + plan.stalled
    for (let first = 0; first < all; first += atOnce) {
      const batch = Array.from({ length: Math.min(atOnce, all - first) }, (_, index) => {
        const number = first + index
        const stalled = number >= connections
        return openConnection({
          port: plan.port,
          address: addresses[number % addresses.length]!,
          request: `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAccept-Encoding: ${acceptEncoding}\r\n\r\n`,
          samples: !stalled && number % step === 0 ? samples : undefined,
          stalled,
          onEvents: (count) => {
            if (stalled) return
            received[number] = (received[number] ?? 0) + count
            total += count
          },
          onFailure: (error) => {
            if (!stalled) failure ??= error
          },
        })
      })
      await Promise.all(batch)
    }
  },

  /** Resolves when every connection has received exactly this many events since its start. */
  async received(events: number): Promise<void> {
    let before = -1
    let waited = 0
    while (total < events * connections) {
      if (failure) throw failure
      waited = total === before ? waited + 5 : 0
      before = total
      if (waited > patienceMs)
        throw new Error(`No more events arrived after ${total} of ${events * connections} events.`)
      await sleep(5)
    }
    if (failure) throw failure
    const wrong = received.findIndex((count) => count !== events)
    if (wrong !== -1) throw new Error(`Connection ${wrong} got ${received[wrong]} events instead of ${events}.`)
  },

  /** Returns the events that the sampled connections read since the last call. */
  samples(): Samples {
    return { seq: samples.seq.splice(0), at: samples.at.splice(0) }
  },

  cpu: (): number => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
}

export type LoadService = typeof service

serve(service)
