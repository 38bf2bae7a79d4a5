import type { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { pinnableCores, startChild } from '../child.js'
import { redisCpu } from '../redis.js'
import { percentile } from '../report/statistics.js'
import { sleep } from '../server/clock.js'
import type { LoadService } from './load-process.js'
import type { NodeService, PublishPlan } from './node-process.js'
import { type SubjectName, settings } from './subject-names.js'

export interface Programs {
  readonly node: string
  readonly load: string
}

/** Outcome of events that the first node published. */
export interface Delivery {
  readonly events: number
  readonly clients: number
  /** Number of deliveries that are missing or duplicate. */
  readonly missing: number
  readonly extra: number
  /** Number of events that the subject refused to publish. */
  readonly failed: number
  readonly failure: string | undefined
  /** Bytes on the wire, above TCP. */
  readonly bytesPerDelivery: number
  /** Per event, milliseconds from before it was published until the last of all clients had it. */
  readonly p50: number
  readonly p99: number
  /** Milliseconds from the first publish to the last delivery. */
  readonly elapsedMs: number
  /** CPU of all nodes, of Redis, and of all client processes, in microseconds. */
  readonly nodeCpu: number
  readonly redisCpu: number
  readonly loadCpu: number
}

const cores = pinnableCores()

/** The nodes of one subject and their clients, each in a fresh process, on an empty Redis. */
export class ClusterTrial {
  readonly #redis: RedisServer
  readonly #nodes
  readonly #loads
  readonly #library
  #clients = 0

  constructor(programs: Programs, subject: SubjectName, redis: RedisServer) {
    const { library, nodes, redis: withRedis } = settings[subject]
    // With fewer cores the scheduler does better than pinning.
    const core = (index: number) => (cores.length > 2 * nodes ? cores[index] : undefined)
    const args = withRedis ? [library, String(redis.port)] : [library]
    this.#redis = redis
    this.#library = library
    this.#nodes = Array.from({ length: nodes }, (_, index) =>
      startChild<NodeService>(programs.node, { core: core(index), args }),
    )
    this.#loads = this.#nodes.map((_, index) => startChild<LoadService>(programs.load, { core: core(nodes + index) }))
  }

  async connect(connectionsPerNode: number): Promise<void> {
    await this.#redis.command('FLUSHALL')
    const library = this.#library
    await Promise.all(
      this.#nodes.map(async (node, index) => {
        const port = await node.call('listen')
        await this.#loads[index]!.call('connect', { port, library, connections: connectionsPerNode })
        for (let patience = 200; (await node.call('connections')) !== connectionsPerNode; patience--) {
          if (patience === 0) throw new Error(`A node does not have all of its ${connectionsPerNode} clients.`)
          await sleep(20)
        }
      }),
    )
    this.#clients = connectionsPerNode * this.#nodes.length
  }

  /** Publishes, and waits until all clients have all events or nothing arrives any more. */
  async publish(plan: PublishPlan, patienceMs = 2_000): Promise<Delivery> {
    await Promise.all(this.#loads.map((load) => load.call('begin')))
    const before = await this.#cpu()
    const { at, failed } = await this.#nodes[0]!.call('publish', plan)
    const received = await Promise.all(
      this.#loads.map((load) => load.call('received', { events: plan.events, patienceMs })),
    )
    const after = await this.#cpu()
    const lastAt = at.map((_, event) => Math.max(...received.map(({ lastAt }) => lastAt[event] ?? 0)))
    const latencies = lastAt.map((last, event) => last - at[event]!)
    const sum = (key: 'missing' | 'extra' | 'bytes') => received.reduce((total, one) => total + one[key], 0)
    return {
      events: plan.events,
      clients: this.#clients,
      missing: sum('missing'),
      extra: sum('extra'),
      failed,
      failure: received.find(({ failure }) => failure)?.failure,
      bytesPerDelivery: sum('bytes') / (plan.events * this.#clients),
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      elapsedMs: Math.max(...lastAt) - at[0]!,
      nodeCpu: after.node - before.node,
      redisCpu: after.redis - before.redis,
      loadCpu: after.load - before.load,
    }
  }

  end(): void {
    for (const child of [...this.#nodes, ...this.#loads]) child.kill()
  }

  async #cpu(): Promise<{ node: number; load: number; redis: number }> {
    const total = async (children: readonly { call(method: 'cpu'): Promise<number> }[]) =>
      (await Promise.all(children.map((child) => child.call('cpu')))).reduce((sum, micros) => sum + micros, 0)
    return {
      node: await total(this.#nodes),
      load: await total(this.#loads),
      redis: await redisCpu(this.#redis),
    }
  }
}

export function isComplete({ missing, extra, failed, failure }: Delivery): boolean {
  return missing === 0 && extra === 0 && failed === 0 && failure === undefined
}
