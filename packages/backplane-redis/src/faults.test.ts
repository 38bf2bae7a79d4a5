import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { clients } from '../test/clients.js'
import { promote } from '../test/promote.js'
import { RedisServer } from '../test/redis-server.js'
import { Traffic } from '../test/traffic.js'
import { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const timeoutMs = 300

interface Cluster {
  /** The one that takes writes. */
  server: RedisServer
  readonly proxies: readonly TcpProxy[]
  readonly random: () => number
  /** Resolves when some more events were acknowledged. */
  more(): Promise<void>
  /** Has one node alone publish for a while. */
  only(index: number, action: () => Promise<void>): Promise<void>
}

interface Fault {
  readonly persistent: 'always' | 'everysec' | undefined
  readonly afterRestart: RedisBackplaneOptions['afterRestart']
  /** True if every acknowledged event has to arrive, without a gap. */
  readonly lossless: boolean
  /** True if two servers are in charge for a while. */
  readonly divided?: boolean
  strike(cluster: Cluster): Promise<void>
}

const pick = ({ proxies, random }: Cluster): TcpProxy => proxies[Math.floor(random() * proxies.length)]!

async function restart({ server, random }: Cluster): Promise<void> {
  await server.kill()
  await sleep(random() * 300)
  await server.start()
}

/** Lets one node miss what is published before something happens that makes it be gone. */
async function unheard(cluster: Cluster, action: () => Promise<void>): Promise<void> {
  const proxy = pick(cluster)
  proxy.cut()
  await cluster.more()
  await action()
  proxy.mend()
}

const faults: Record<string, Fault> = {
  'the connections of a node are cut': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: true,
    async strike(cluster) {
      const proxy = pick(cluster)
      proxy.cut()
      await sleep(cluster.random() * 400)
      proxy.mend()
    },
  },
  'Redis is stopped for longer than the timeout': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: true,
    async strike({ server, random }) {
      server.signal('SIGSTOP')
      await sleep(timeoutMs + random() * 500)
      server.signal('SIGCONT')
    },
  },
  'Redis is killed, and comes back with its data, which is trusted': {
    persistent: 'always',
    afterRestart: 'trust',
    lossless: true,
    strike: restart,
  },
  'Redis is killed, and comes back with its data, which is not trusted': {
    persistent: 'everysec',
    afterRestart: 'gap',
    lossless: false,
    strike: (cluster) => unheard(cluster, () => restart(cluster)),
  },
  'Redis is killed, and comes back empty': {
    persistent: undefined,
    afterRestart: 'trust',
    lossless: false,
    strike: (cluster) => unheard(cluster, () => restart(cluster)),
  },
  'a replica that lags behind is promoted': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: false,
    strike: (cluster) =>
      unheard(cluster, async () => {
        cluster.server = await promote(cluster.server, cluster.proxies, cluster.random() * 200)
      }),
  },
  'a replica is promoted, and one node goes on at the old primary for a while': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: false,
    divided: true,
    async strike(cluster) {
      const { server: old, proxies, random } = cluster
      const promoted = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(old.port)] })
      await promoted.followed()
      await promoted.command('replicaof', 'no', 'one')
      const last = pick(cluster)
      const move = (proxy: TcpProxy) => {
        proxy.retarget(promoted.port)
        proxy.cut()
        proxy.mend()
      }
      // The others hear nothing, so that nothing but what the last one brings can tell them.
      await cluster.only(proxies.indexOf(last), async () => {
        for (const proxy of proxies) if (proxy !== last) move(proxy)
        await sleep(100 + random() * 300)
        await cluster.more()
        move(last)
        await sleep(100)
        await cluster.more()
      })
      cluster.server = promoted
      await old.dispose()
    },
  },
}

async function run(
  client: (typeof clients)[string],
  fault: Fault,
  seed: number,
  { onTestFinished }: TestContext,
): Promise<void> {
  const random = randomFrom(seed)
  const server = await RedisServer.start({ persistent: fault.persistent })
  const proxies = await Promise.all([0, 1, 2].map(() => TcpProxy.start(server.port)))
  const nodes = proxies.map(({ port }) => {
    const { afterRestart } = fault
    return new RedisBackplane({ client: client(port), retention: { maxEvents: 100_000 }, timeoutMs, afterRestart })
  })
  onTestFinished(() => {
    for (const node of nodes) node.close()
    for (const proxy of proxies) proxy.dispose()
  })
  let current = server
  onTestFinished(() => current.dispose())
  await Traffic.through(nodes, { seed, lossless: fault.lossless, divided: fault.divided ?? false }, async (traffic) => {
    const cluster: Cluster = {
      server,
      proxies,
      random,
      more: () => traffic.more(),
      only: (index, action) => traffic.only(index, action),
    }
    for (let strike = 0; strike < 2; strike++) {
      await traffic.more()
      await sleep(random() * 150)
      await fault.strike(cluster)
      current = cluster.server
      await sleep(random() * 300)
    }
  })
}

describe.concurrent.each(Object.entries(clients))('with %s', (_, client) => {
  describe.each(Object.entries(faults))('nothing is lost in silence when %s', (_name, fault) => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      it(`seed ${seed}`, { timeout: 90_000 }, (context) => run(client, fault, seed, context))
    }
  })
})
