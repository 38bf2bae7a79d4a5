import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { freePort } from '../../../test-support/free-port.js'
import type { RedisClient } from '../src/clients/redis-client.js'
import { slotOf } from '../src/clients/slot.js'
import { RedisServer } from './redis-server.js'

const slots = 16_384
const host = '127.0.0.1'

/** Three primaries with a third of the slots each, and a replica of the one that has the slot of a namespace. */
export class RedisCluster {
  readonly servers: readonly RedisServer[]
  readonly #slot: number

  private constructor(servers: readonly RedisServer[], slot: number) {
    this.servers = servers
    this.#slot = slot
  }

  static async start(namespace: string): Promise<RedisCluster> {
    const servers: RedisServer[] = []
    for (let n = 0; n < 4; n++) {
      // Not the one that is its port by default, plus 10,000: that may be taken, or beyond the last port.
      const bus = String(await freePort())
      const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '500', '--cluster-port', bus]
      // A replica that has been without its primary for a while may be promoted all the same.
      servers.push(await RedisServer.start({ args: [...options, '--cluster-replica-validity-factor', '0'] }))
    }
    const cluster = new RedisCluster(servers, slotOf(`{${namespace}}`))
    await cluster.#join()
    return cluster
  }

  async #join(): Promise<void> {
    const [first, ...others] = this.servers as [RedisServer, ...RedisServer[]]
    const primaries = this.servers.slice(0, 3)
    for (const [index, server] of primaries.entries()) {
      const [from, to] = [index, index + 1].map((third) => Math.floor((third * slots) / 3)) as [number, number]
      await server.command('cluster', 'addslotsrange', String(from), String(to - 1))
      // Otherwise the first failover waits for epochs that differ.
      await server.command('cluster', 'set-config-epoch', String(index + 1))
    }
    for (const { port } of others) {
      const bus = await this.#busOf(port)
      await first.command('cluster', 'meet', host, String(port), bus)
    }
    const knowAll = async () => {
      const all = await Promise.all(this.servers.map((server) => server.command('cluster', 'nodes')))
      return all.every((nodes) => String(nodes).trim().split('\n').length === 4 && !/handshake/.test(String(nodes)))
    }
    while (!(await knowAll())) await new Promise((done) => setTimeout(done, 50))
    const replica = this.servers[3]!
    await replica.command('cluster', 'replicate', await this.#idOf(await this.primary()))
    await replica.followed()
    await this.settled()
  }

  #busOf(port: number): Promise<string> {
    const server = this.servers.find((one) => one.port === port)!
    return server.command('config', 'get', 'cluster-port').then((pair) => (pair as string[])[1]!)
  }

  #idOf(server: RedisServer): Promise<string> {
    return server.command('cluster', 'myid') as Promise<string>
  }

  /** The one that has the namespace's slot. */
  async primary(): Promise<RedisServer> {
    const [port] = await this.#owners()
    return this.servers.find((server) => server.port === port)!
  }

  async #primaries(): Promise<RedisServer[]> {
    const roles = await Promise.all(this.servers.map((server) => server.command('role')))
    return this.servers.filter((_, index) => (roles[index] as string[])[0] === 'master')
  }

  /** Per server that answers, the port of the one that has the slot. */
  async #owners(): Promise<number[]> {
    const answers = await Promise.all(
      this.servers.map(async (server) => {
        if (!server.running) return []
        const ranges = (await server.command('cluster', 'slots')) as [number, number, [string, number]][]
        return ranges.filter(([from, to]) => from <= this.#slot && this.#slot <= to).map(([, , [, port]]) => port)
      }),
    )
    return answers.flat()
  }

  /** Waits until all servers that run agree on who has the slot, and serve. */
  async settled(): Promise<void> {
    for (;;) {
      const running = this.servers.filter((server) => server.running)
      const states = await Promise.all(running.map((server) => server.command('cluster', 'info')))
      const owners = new Set(await this.#owners())
      if (owners.size === 1 && states.every((state) => String(state).includes('cluster_state:ok'))) return
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  /** Moves the slot and its keys to another primary, key by key, as `redis-cli --cluster reshard` does. */
  async migrate(): Promise<RedisServer> {
    const slot = String(this.#slot)
    const source = await this.primary()
    const target = (await this.#primaries()).find((server) => server !== source)!
    await target.command('cluster', 'setslot', slot, 'importing', await this.#idOf(source))
    await source.command('cluster', 'setslot', slot, 'migrating', await this.#idOf(target))
    for (;;) {
      const keys = (await source.command('cluster', 'getkeysinslot', slot, '5')) as string[]
      if (keys.length === 0) break
      await source.command('migrate', host, String(target.port), '', '0', '5000', 'keys', ...keys)
    }
    for (const server of [target, source]) {
      await server.command('cluster', 'setslot', slot, 'node', await this.#idOf(target))
    }
    await this.settled()
    return target
  }

  async dispose(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.dispose()))
  }
}

/** Each library's client of a cluster, made but not connected. */
export const clusterClients: Readonly<Record<string, (cluster: RedisCluster) => RedisClient>> = {
  ioredis: ({ servers }) =>
    new Cluster(
      servers.map(({ port }) => ({ host, port })),
      { lazyConnect: true },
    ),
  'node-redis': ({ servers }) => createCluster({ rootNodes: servers.map(({ port }) => ({ socket: { host, port } })) }),
}
