import { setTimeout as sleep } from 'node:timers/promises'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../test-support/random.js'
import { Balancer, ClusterNode } from '../test/node-cluster.js'
import { RedisServer } from './redis-server.test.util.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
/** For how long Redis is stopped; all of what happens then happens after the nodes' timeout, which is shorter. */
const stopMs = Number(process.env.RIVULET_STOP_MS ?? 700)
/** A node without Redis refuses streams with a Retry-After of up to 15 seconds, which clients keep to, and more by chance. */
const patienceMs = 40_000
const clientCount = 12
const events = defineEvents({ tick: z.object({ n: z.number() }) })

interface Scene {
  readonly redis: RedisServer
  readonly nodes: readonly ClusterNode[]
  readonly random: () => number
}

const pick = ({ nodes, random }: Scene): ClusterNode => nodes[Math.floor(random() * nodes.length)]!

/** What happens to a cluster whose Redis writes before it answers: nothing of it may cost an event. */
const faults: Record<string, (scene: Scene) => Promise<void>> = {
  async 'a node is killed and started again'(scene) {
    const node = pick(scene)
    await node.kill()
    await sleep(scene.random() * 500)
    await node.start()
  },
  async 'a node is cut off from Redis, but not from its clients'(scene) {
    const { toRedis } = pick(scene)
    toRedis.cut()
    await sleep(scene.random() * 1_000)
    toRedis.mend()
  },
  async 'Redis is killed and comes back with its data'({ redis, random }) {
    await redis.kill()
    await sleep(random() * 500)
    await redis.start()
  },
  async 'Redis is stopped and goes on'({ redis }) {
    redis.signal('SIGSTOP')
    await sleep(stopMs)
    redis.signal('SIGCONT')
  },
}

/** Streams of all nodes hold every event once and in order. */
async function play(count: number, strike: (scene: Scene) => Promise<void>, seed: number): Promise<void> {
  const random = randomFrom(seed)
  const redis = await RedisServer.start({ persistent: 'always' })
  onTestFinished(() => redis.dispose())
  const nodes = await Promise.all(Array.from({ length: count }, () => ClusterNode.start(redis.port)))
  onTestFinished(async () => void (await Promise.all(nodes.map((node) => node.dispose()))))
  const balancer = new Balancer(nodes)
  onTestFinished(() => balancer.dispose())
  const url = await balancer.start()

  const gaps: unknown[] = []
  const received = Array.from({ length: clientCount }, () => {
    const stream = new EventStreamService({ url, events, heartbeatMarginMs: 500, retry: { maxMs: 500 } })
    onTestFinished(() => stream.close())
    const numbers: number[] = []
    stream.on('tick', ({ n }) => numbers.push(n))
    stream.onGap((gap) => gaps.push(gap))
    stream.onError(() => {})
    stream.connect()
    return { stream, numbers }
  })
  const closed = () => received.map(({ stream }) => stream.state).filter(({ status }) => status !== 'open')
  await expect.poll(closed, { timeout: patienceMs }).toEqual([])

  let published = 0
  let refused = 0
  let over = false
  const publishing = (async () => {
    // Some come after the last strike in any case.
    for (let after = 0; !over || after < 20; ) {
      const body = String(published + 1)
      const status = await fetch(url, { method: 'POST', body }).then(
        (response) => response.status,
        () => 0,
      )
      if (status !== 200) refused++
      else {
        published++
        if (over) after++
      }
      expect([200, 503, 0]).toContain(status)
      await sleep(random() * 6)
    }
  })()
  for (let count = 0; count < 2; count++) {
    await sleep(random() * 200)
    await strike({ redis, nodes, random })
    await sleep(random() * 300)
  }
  over = true
  await publishing
  await expect
    .poll(() => received.filter(({ numbers }) => numbers.at(-1) !== published).length, { timeout: patienceMs })
    .toBe(0)
  const all = Array.from({ length: published }, (_, index) => index + 1)
  for (const { numbers } of received) expect(numbers).toEqual(all)
  expect(gaps).toEqual([])
  console.log(`${count} nodes, seed ${seed}: ${published} events, ${refused} attempts refused or unanswered`)
}

describe.each(Object.entries(faults))('every stream holds every event once and in order when %s', (_, strike) => {
  describe.each([2, 3])('%i nodes', (count) => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      it(`seed ${seed}`, { timeout: 3 * patienceMs + 2 * stopMs }, () => play(count, strike, seed))
    }
  })
})
