import { setTimeout as sleep } from 'node:timers/promises'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { describe, it, type TestContext } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../test-support/random.js'
import { type Acknowledged, check, type Received } from '../test/check.js'
import { Balancer, ClusterNode } from '../test/node-cluster.js'
import { promote } from '../test/promote.js'
import { RedisServer } from '../test/redis-server.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
/** For how long Redis is stopped; all of what happens then happens after the nodes' timeout, which is shorter. */
const stopMs = Number(process.env.RIVULET_STOP_MS ?? 700)
/** A node without Redis refuses streams with a Retry-After of up to 3 seconds, which clients keep to, and more by chance. */
const patienceMs = 40_000
/** The time after which some client loses its connection, so that clients resume at any moment from what they have. */
const dropMs = 250
const clientCount = 12
const events = defineEvents({ tick: z.object({ n: z.number() }) })

interface Scene {
  /** The one that takes writes. */
  redis: RedisServer
  readonly nodes: readonly ClusterNode[]
  readonly random: () => number
  /** Resolves when some more events were acknowledged. */
  more(): Promise<void>
}

interface Fault {
  readonly persistent: 'always' | undefined
  readonly afterRestart: 'gap' | 'trust'
  /** True if no stream may miss an event. */
  readonly lossless: boolean
  strike(scene: Scene): Promise<void>
}

const pick = ({ nodes, random }: Scene): ClusterNode => nodes[Math.floor(random() * nodes.length)]!

async function restart({ redis, random }: Scene): Promise<void> {
  await redis.kill()
  await sleep(random() * 500)
  await redis.start()
}

/** Lets one node miss what is published before something happens that makes it be gone: its clients never get it. */
async function unheard(scene: Scene, action: () => Promise<void>): Promise<void> {
  const { toRedis } = pick(scene)
  toRedis.cut()
  await scene.more()
  await action()
  toRedis.mend()
}

/** A Redis that writes before it answers: what happens to it, or to the nodes, may cost nothing. */
const sure = { persistent: 'always', afterRestart: 'trust', lossless: true } as const

const faults: Record<string, Fault> = {
  'a node is killed and started again': {
    ...sure,
    async strike(scene) {
      const node = pick(scene)
      await node.kill()
      await sleep(scene.random() * 500)
      await node.start()
    },
  },
  'a node is cut off from Redis, but not from its clients': {
    ...sure,
    async strike(scene) {
      const { toRedis } = pick(scene)
      toRedis.cut()
      await sleep(scene.random() * 1_000)
      toRedis.mend()
    },
  },
  'Redis is killed and comes back with its data': { ...sure, strike: restart },
  'Redis is stopped and goes on': {
    ...sure,
    async strike({ redis }) {
      redis.signal('SIGSTOP')
      await sleep(stopMs)
      redis.signal('SIGCONT')
    },
  },
  'Redis is killed and comes back without its data': {
    persistent: undefined,
    afterRestart: 'trust',
    lossless: false,
    strike: (scene) => unheard(scene, () => restart(scene)),
  },
  'a replica that lags behind is promoted': {
    persistent: undefined,
    afterRestart: 'gap',
    lossless: false,
    strike: (scene) =>
      unheard(scene, async () => {
        const ways = scene.nodes.map(({ toRedis }) => toRedis)
        scene.redis = await promote(scene.redis, ways, scene.random() * 200)
      }),
  },
}

async function play(count: number, fault: Fault, seed: number, { expect, onTestFinished }: TestContext): Promise<void> {
  const random = randomFrom(seed)
  const redis = await RedisServer.start({ persistent: fault.persistent })
  const nodes = await Promise.all(Array.from({ length: count }, () => ClusterNode.start(redis.port, fault)))
  const acknowledged: Acknowledged[] = []
  const more = async () => {
    const enough = acknowledged.length + 5
    await expect.poll(() => acknowledged.length, { timeout: patienceMs, interval: 5 }).toBeGreaterThanOrEqual(enough)
  }
  const scene: Scene = { redis, nodes, random, more }
  onTestFinished(async () => {
    await Promise.all([scene.redis, ...nodes].map((each) => each.dispose()))
  })
  const balancer = new Balancer(nodes)
  onTestFinished(() => balancer.dispose())
  const url = await balancer.start()

  const clients = Array.from({ length: clientCount }, () => {
    const stream = new EventStreamService({ url, events, heartbeatMarginMs: 500, retry: { maxMs: 500 } })
    onTestFinished(() => stream.close())
    const received: Received[] = []
    stream.on('tick', ({ n, id }) => {
      received.push({
        channel: 'default',
        message: { data: String(n), position: Number.parseInt(id!, 36) },
        at: performance.now(),
      })
    })
    stream.onGap(({ channel }) => received.push({ channel, message: undefined, at: performance.now() }))
    stream.onError(() => {})
    stream.connect()
    return { stream, received }
  })
  const closed = () => clients.map(({ stream }) => stream.state).filter(({ status }) => status !== 'open')
  await expect.poll(closed, { timeout: patienceMs }).toEqual([])
  const dropping = setInterval(() => balancer.drop(random), dropMs)
  onTestFinished(() => clearInterval(dropping))

  let refused = 0
  let over = false
  const publishing = (async () => {
    // Some come after the last strike in any case.
    let begunAt = performance.now()
    for (let after = 0; !over || after < 20; ) {
      // Without an answer it publishes again: the same number is the same event.
      const data = String(acknowledged.length + 1)
      const response = await fetch(url, { method: 'POST', body: data }).catch(() => undefined)
      if (response?.status === 200) {
        acknowledged.push({ channel: 'default', data, position: Number.parseInt(await response.text(), 36), begunAt })
        begunAt = performance.now()
        if (over) after++
      } else {
        refused++
        expect([503, undefined]).toContain(response?.status)
      }
      await sleep(random() * 6)
    }
  })()
  for (let count = 0; count < 2; count++) {
    await sleep(random() * 200)
    await fault.strike(scene)
    await sleep(random() * 300)
  }
  over = true
  await publishing
  clearInterval(dropping)
  const last = String(acknowledged.length)
  // A client that joined while its node was repairing may be told of the loss once more, behind the last event.
  const lastOf = (received: readonly Received[]) => received.filter(({ message }) => message).at(-1)?.message?.data
  const behind = () =>
    clients.flatMap(({ stream: { state }, received }) =>
      lastOf(received) === last ? [] : [{ status: state.status, last: lastOf(received) }],
    )
  await expect.poll(behind, { timeout: patienceMs }).toEqual([])
  for (const { received } of clients) check(received, acknowledged, fault)
  console.log(`${count} nodes, seed ${seed}: ${last} events, ${refused} attempts refused or unanswered`)
}

describe.concurrent.each(Object.entries(faults))(
  'every stream has each event once and in order, or a gap at its place, when %s',
  (_, fault) => {
    describe.each([2, 3])('%i nodes', (count) => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        const timeout = 3 * patienceMs + 2 * stopMs
        it(`seed ${seed}`, { timeout }, (context) => play(count, fault, seed, context))
      }
    })
  },
)
