import { pinnableCores, startChild } from '../child.js'
import { percentile } from '../report/statistics.js'
import type { ConnectPlan, LoadService } from './load-process.js'
import type { Publication, PublishPlan, ServerService } from './server-process.js'

export interface Programs {
  readonly server: string
  readonly load: string
}

export interface Measurement {
  /** CPU of the whole server process, per event and client. */
  readonly cpuMicrosPerDelivery: number
  readonly events: number
  readonly deliveries: number
  /** Milliseconds from before the event was published until a client had it. */
  readonly p50: number
  readonly p99: number
  readonly peakGrowth: number
  /** Load of the load generator; near 1 it holds up the server. */
  readonly loadBusy: number
}

export interface Memory {
  readonly heapPerConnection: number
  readonly rssPerConnection: number
}

const cores = pinnableCores()
export const pinned = cores.length > 1

/** A server and its clients, in two fresh processes on two cores. */
export class Trial {
  readonly #server
  readonly #load
  #published = 0
  #connections = 0

  /** @param program The Node.js of the server. @default This one. */
  constructor(programs: Programs, subject: string, program?: string) {
    const [first, last] = pinned ? [cores[0], cores.at(-1)] : []
    this.#server = startChild<ServerService>(programs.server, {
      core: first,
      program,
      node: ['--expose-gc', '--max-old-space-size=4096'],
      args: [subject],
    })
    this.#load = startChild<LoadService>(programs.load, { core: last })
  }

  async connect(plan: Omit<ConnectPlan, 'port'>): Promise<void> {
    const port = await this.#server.call('listen')
    await this.#load.call('connect', { ...plan, port })
    this.#connections = plan.connections
    const expected = plan.connections + plan.stalled
    for (let patience = 200; (await this.#server.call('connections')) !== expected; patience--) {
      if (patience === 0)
        throw new Error(`The server has ${await this.#server.call('connections')} of ${expected} streams.`)
    }
  }

  /** Cost of each idle connection. */
  async idleMemory(connections: number): Promise<Memory> {
    const before = await this.#server.call('memory')
    await this.connect({ connections, sampled: 20, stalled: 0 })
    const after = await this.#server.call('memory')
    return {
      heapPerConnection: (after.heap - before.heap) / connections,
      rssPerConnection: (after.rss - before.rss) / connections,
    }
  }

  /** Publishes, waits until each client has each event, and returns the cost. */
  async publish(plan: PublishPlan): Promise<Measurement> {
    await this.#server.call('memory')
    const cpu = await this.#server.call('cpu')
    const loadCpu = await this.#load.call('cpu')
    const begin = performance.now()
    const { events, peakGrowth } = await this.#deliver(plan)
    const elapsed = performance.now() - begin
    const cpuMicros = (await this.#server.call('cpu')) - cpu
    const loadMicros = (await this.#load.call('cpu')) - loadCpu
    const latencies = await this.#latencies()
    const deliveries = events * this.#connections
    return {
      cpuMicrosPerDelivery: cpuMicros / deliveries,
      events,
      deliveries,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      peakGrowth,
      loadBusy: loadMicros / 1e3 / elapsed,
    }
  }

  async warmUp(plan: PublishPlan): Promise<void> {
    await this.#deliver(plan)
    await this.#load.call('samples')
  }

  end(): void {
    this.#server.kill()
    this.#load.kill()
  }

  async #deliver(plan: PublishPlan): Promise<Publication> {
    const publication = await this.#server.call('publish', plan)
    this.#published += publication.events
    await this.#load.call('received', this.#published)
    return publication
  }

  async #latencies(): Promise<number[]> {
    const { firstSeq, at: publishedAt } = await this.#server.call('publishedAt')
    const { seq, at } = await this.#load.call('samples')
    return seq.map((number, index) => at[index]! - publishedAt[number - firstSeq]!)
  }
}
