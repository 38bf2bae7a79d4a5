import { RedisBackplane } from '@rivulet/backplane-redis'
import type { Backplane } from '@rivulet/server'
import { Redis } from 'ioredis'
import { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { buildPackages } from '../build.js'
import { commandOf, hasRedis, redisCpu } from '../redis.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { median } from '../report/statistics.js'
import { number, printTable } from '../report/table.js'

const burstEvents = 50
const bytes = 150
const data = JSON.stringify({ level: 'info', message: 'x'.repeat(bytes - 30) })
const maxEvents = 1_000

/** Publishes a burst of events in one turn, and resolves when Redis has answered. */
type Burst = () => Promise<unknown>

/** The cost of one event for Redis, in microseconds. */
interface Cost {
  /** CPU of the process, including its kernel time for the network. */
  readonly cpu: number
  /** Time in commands, as `INFO commandstats` counts it. */
  readonly commands: number
}

/** `npm run bench -- redis`: what a publish costs Redis, with one node that listens, beside the bare commands. */
export async function runRedisPublishes({ quick }: { quick: boolean }): Promise<void> {
  if (!hasRedis()) return
  buildPackages('backplane-redis')
  const [bursts, rounds] = quick ? [20, 1] : [2_000, 5]
  const redis = await RedisServer.start()
  const connect = () => new Redis({ port: redis.port, host: '127.0.0.1' })
  const clients = [connect(), connect(), connect()] as const
  const nodes = clients.slice(0, 2).map((client) => new RedisBackplane({ client, retention: { maxEvents } }))
  const listener = connect()
  try {
    const [node, other] = nodes as [RedisBackplane, RedisBackplane]
    for (const channel of ['kept', 'live']) await other.subscribe(channel, deaf)
    await listener.subscribe('bare')
    const subjects: Record<string, Burst> = {
      kept: publishes(node, 'kept', true),
      'XADD and PUBLISH': bareKept(clients[2]),
      'live only': publishes(node, 'live', false),
      PUBLISH: bareLive(clients[2]),
    }
    const costs: Record<string, Cost[]> = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
    // In turns, so that a change of the machine concerns all of them. The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const [name, burst] of Object.entries(subjects)) {
        const cost = await measure(redis, burst, bursts)
        if (round > 0) costs[name]!.push(cost)
      }
    }
    const of = (name: string, key: keyof Cost) => median(costs[name]!.map((cost) => cost[key]))
    printTable(
      `Redis, per event of ${bytes} B in bursts of ${burstEvents}, median of ${rounds}`,
      ['', 'CPU', 'in commands'],
      Object.keys(subjects).map((name) => [
        name,
        `${number(of(name, 'cpu'))} µs`,
        `${number(of(name, 'commands'))} µs`,
      ]),
    )
    const budgets = [
      atMost('CPU of Redis for a kept event', of('kept', 'cpu'), 9, 'µs'),
      atMost('CPU of Redis for a live-only event', of('live only', 'cpu'), 3, 'µs'),
    ]
    printBudgets(budgets)
    writeResults('redis', quick, { scale: { burstEvents, bytes, maxEvents, bursts, rounds }, costs }, budgets)
  } finally {
    for (const each of nodes) each.close()
    for (const client of [...clients, listener]) client.disconnect()
    await redis.dispose()
  }
}

const deaf = { onMessage() {}, onGap() {}, onHealth() {} }

function publishes(backplane: Backplane, channel: string, retain: boolean): Burst {
  const message = { type: 'log', data }
  return () => Promise.all(Array.from({ length: burstEvents }, () => backplane.publish(channel, message, { retain })))
}

function bareKept(client: Redis): Burst {
  return () => {
    const pipeline = client.pipeline()
    for (let event = 0; event < burstEvents; event++) {
      pipeline.xadd('bare:log', 'MAXLEN', '~', maxEvents, '*', 'e', data)
      pipeline.publish('bare', data)
    }
    return pipeline.exec()
  }
}

function bareLive(client: Redis): Burst {
  return () => {
    const pipeline = client.pipeline()
    for (let event = 0; event < burstEvents; event++) pipeline.publish('bare', data)
    return pipeline.exec()
  }
}

async function measure(redis: RedisServer, burst: Burst, bursts: number): Promise<Cost> {
  await redis.command('CONFIG', 'RESETSTAT')
  const before = await redisCpu(redis)
  for (let count = 0; count < bursts; count++) await burst()
  const micros = (await redisCpu(redis)) - before
  const [scripts, ...bare] = await Promise.all(['evalsha', 'xadd', 'publish'].map((name) => commandOf(redis, name)))
  // The commands inside a script are part of its time. A few scripts are calls of the backplanes for themselves.
  const counted = scripts!.calls >= bursts ? [scripts!] : bare.filter(({ calls }) => calls > 0)
  const commands = counted.reduce((sum, { micros }) => sum + micros, 0)
  const events = bursts * burstEvents
  return { cpu: micros / events, commands: commands / events }
}
