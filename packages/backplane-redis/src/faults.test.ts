import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { clients } from './clients.test.util.js'
import { type Entry, Recorder } from './recorder.test.util.js'
import { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'
import { RedisServer } from './redis-server.test.util.js'
import { TcpProxy } from './tcp-proxy.test.util.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const channels = ['a', 'b', 'c']
const timeoutMs = 300

interface Cluster {
  /** The one that takes writes. */
  server: RedisServer
  readonly proxies: readonly TcpProxy[]
  readonly random: () => number
}

interface Fault {
  readonly persistent: 'always' | 'everysec' | undefined
  readonly afterRestart: RedisBackplaneOptions['afterRestart']
  /** Whether everything that was acknowledged has to arrive, with no gap announced. */
  readonly lossless: boolean
  strike(cluster: Cluster): Promise<void>
}

async function restart({ server, random }: Cluster): Promise<void> {
  await server.kill()
  await sleep(random() * 300)
  await server.start()
}

/** Replication is asynchronous: what the master acknowledged last, the replica may not have. */
async function promote(cluster: Cluster): Promise<void> {
  const { server: master, proxies, random } = cluster
  const toMaster = await TcpProxy.start(master.port)
  const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(toMaster.port)] })
  onTestFinished(() => replica.dispose())
  await replica.followed()
  toMaster.dispose()
  await sleep(random() * 200)
  await master.kill()
  await replica.command('replicaof', 'no', 'one')
  for (const proxy of proxies) proxy.retarget(replica.port)
  cluster.server = replica
}

const faults: Record<string, Fault> = {
  'the connections of a node are cut': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: true,
    async strike({ proxies, random }) {
      const proxy = proxies[Math.floor(random() * proxies.length)]!
      proxy.cut()
      await sleep(random() * 400)
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
    strike: restart,
  },
  'Redis is killed, and comes back empty': {
    persistent: undefined,
    afterRestart: 'trust',
    lossless: false,
    strike: restart,
  },
  'a replica that lags behind is promoted': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: false,
    strike: promote,
  },
}

/** Subscribes as soon as Redis answers in time. */
async function subscribed(node: RedisBackplane, channel: string, recorder: Recorder): Promise<void> {
  try {
    await node.subscribe(channel, recorder)
  } catch (error) {
    expect(error).toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
    await subscribed(node, channel, recorder)
  }
}

interface Acknowledged {
  readonly channel: string
  readonly data: string
  readonly seq: number
}

/** Each acknowledged event came once and in order, or a gap was announced where it is missing. */
function check(recorder: Recorder, acknowledged: readonly Acknowledged[], lossless: boolean): void {
  const { entries } = recorder
  const places = new Map<string, number>()
  let last = 0
  for (const [place, { message }] of entries.entries()) {
    if (message?.seq === undefined) continue
    expect(message.seq, 'positions rise').toBeGreaterThan(last)
    last = message.seq
    const earlier = places.get(message.data)
    // An event that was stored, lost with its key and published again, is another event to Redis.
    const told = earlier !== undefined && entries.slice(earlier, place).some((entry) => !entry.message)
    expect(earlier === undefined || (told && !lossless), `"${message.data}" came twice`).toBe(true)
    places.set(message.data, place)
  }
  if (lossless) expect(recorder.gaps).toEqual([])
  for (const { channel, data, seq } of acknowledged) {
    if (places.has(data)) continue
    const ofChannel = (entry: Entry) => (entry.channel ?? channel) === channel
    const ofLater = (entry: Entry) => ofChannel(entry) && entry.message !== undefined && entry.message.seq! > seq
    const next = entries.findIndex(ofLater)
    // Where it is missing, a gap is the last that its channel was told.
    const before = entries
      .slice(0, next < 0 ? undefined : next)
      .filter(ofChannel)
      .at(-1)
    expect(before !== undefined && !before.message, `"${data}" is missing in silence`).toBe(true)
  }
}

async function run(client: (typeof clients)[string], fault: Fault, seed: number): Promise<void> {
  const random = randomFrom(seed)
  const server = await RedisServer.start({ persistent: fault.persistent })
  onTestFinished(() => server.dispose())
  const proxies = await Promise.all([0, 1, 2].map(() => TcpProxy.start(server.port)))
  const nodes = proxies.map(({ port }) => {
    const { afterRestart } = fault
    return new RedisBackplane({ client: client(port), retention: { maxEvents: 100_000 }, timeoutMs, afterRestart })
  })
  onTestFinished(() => {
    for (const node of nodes) node.close()
    for (const proxy of proxies) proxy.dispose()
  })
  const recorders = await Promise.all(
    nodes.map(async (node) => {
      const recorder = new Recorder()
      for (const channel of channels) await subscribed(node, channel, recorder)
      return recorder
    }),
  )
  const acknowledged: Acknowledged[] = []
  let slowest = 0
  const attempt = async (node: RedisBackplane, channel: string, data: string, idempotencyKey?: string) => {
    const began = performance.now()
    try {
      const { seq } = await node.publish(channel, { type: 'log', data }, { retain: true, idempotencyKey })
      acknowledged.push({ channel, data, seq: seq! })
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
      return false
    } finally {
      slowest = Math.max(slowest, performance.now() - began)
    }
  }
  const persist = async (node: RedisBackplane, channel: string, data: string) => {
    while (!(await attempt(node, channel, data, data))) await sleep(20)
  }
  let over = false
  const publishing = nodes.map(async (node, index) => {
    const own = randomFrom(seed * 100 + index)
    // Some come in any case, however slow the machine is.
    for (let n = 0; !over || n < 10; n++) {
      const channel = channels[Math.floor(own() * channels.length)]!
      const data = `${index}:${n}`
      // Half of them are repeated until they are acknowledged, half are not.
      if (own() < 0.5) await persist(node, channel, data)
      else await attempt(node, channel, data)
      await sleep(own() * 6)
    }
  })
  const cluster: Cluster = { server, proxies, random }
  for (let strike = 0; strike < 2; strike++) {
    // However slow the machine is, there is something to lose, and the outage before is over.
    const enough = acknowledged.length + 12
    await expect.poll(() => acknowledged.length, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(enough)
    await sleep(random() * 150)
    await fault.strike(cluster)
    await sleep(random() * 300)
  }
  over = true
  await Promise.all(publishing)
  for (const channel of channels) await persist(nodes[0]!, channel, `end ${channel}`)
  for (const recorder of recorders) {
    await recorder.until(({ data }) => channels.every((channel) => data.includes(`end ${channel}`)))
    check(recorder, acknowledged, fault.lossless)
  }
  // Twice: it may wait for the first answer of a connection that is being given up. Generous, as the machine is shared.
  expect(slowest).toBeLessThan(timeoutMs * 2 + 1000)
}

describe.each(Object.entries(clients))('with %s', (_, client) => {
  describe.each(Object.entries(faults))('nothing is lost in silence when %s', (_name, fault) => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      it(`seed ${seed}`, { timeout: 30_000 }, () => run(client, fault, seed))
    }
  })
})
