import { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { buildPackages, compileProgram } from '../build.js'
import { type Child, startChild } from '../child.js'
import { hasRedis, infoOf, redisCpu } from '../redis.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { percentile } from '../report/statistics.js'
import { printTable } from '../report/table.js'
import { now } from '../server/clock.js'
import type { RunNodeService } from './node-process.js'

type Node = Child<RunNodeService>

/** The cost of an output in Redis. */
interface OutputCost {
  readonly atOnce: boolean
  readonly commands: number
  readonly redisMicros: number
  /** Memory of Redis for each output of an ended run, the run included. */
  readonly bytes: number
}

export interface RunsResults {
  readonly stopMs: readonly number[]
  /** Milliseconds from the death of a producer's node until another node hears of the end of its run. */
  readonly lostMs: readonly number[]
  readonly leaseMs: number
  readonly outputs: readonly OutputCost[]
}

const leaseMs = 3_000
const outputsEach = 100

export async function runRuns({ quick }: { quick: boolean }): Promise<void> {
  if (!hasRedis()) return
  buildPackages('backplane-redis')
  const program = await compileProgram('runs/node-process')
  const redis = await RedisServer.start()
  const nodes: Node[] = []
  const startNode = () => {
    const node = startChild<RunNodeService>(program, { args: [String(redis.port), String(leaseMs)] })
    nodes.push(node)
    return node
  }
  try {
    const [one, other] = [startNode(), startNode()]
    const outputs = [
      await measureOutputs(redis, one, false, quick ? 20 : 200),
      await measureOutputs(redis, one, true, quick ? 20 : 200),
    ]
    const stopMs = await measureStops(one, other, quick ? 50 : 1_000)
    const lostMs: number[] = []
    for (let index = 0; index < (quick ? 1 : 5); index++) lostMs.push(await measureLoss(startNode(), other, index))
    report({ stopMs, lostMs, leaseMs, outputs }, quick)
  } finally {
    for (const node of nodes) node.kill()
    await redis.dispose()
  }
}

async function measureOutputs(redis: RedisServer, node: Node, atOnce: boolean, count: number): Promise<OutputCost> {
  const play = (prefix: string) => node.call('play', { prefix, count, outputs: outputsEach, atOnce })
  // Compiles, and opens connections.
  await play(`warm ${atOnce} `)
  const all = count * outputsEach
  const before = await memoryOf(redis)
  await redis.command('CONFIG', 'RESETSTAT')
  const cpu = await redisCpu(redis)
  await play(`run ${atOnce} `)
  const redisMicros = ((await redisCpu(redis)) - cpu) / all
  const stats = String(await redis.command('INFO', 'commandstats'))
  const calls = Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1])
  return { atOnce, commands: calls / all, redisMicros, bytes: ((await memoryOf(redis)) - before) / all }
}

async function measureStops(one: Node, other: Node, count: number): Promise<number[]> {
  const latencies: number[] = []
  for (let index = 0; index < count; index++) {
    const id = `stop:${index}`
    await one.call('hold', id)
    const [begin, end] = await Promise.all([other.call('stop', id), one.call('abortedAt', id)])
    latencies.push(end - begin)
  }
  return latencies
}

async function measureLoss(producer: Node, other: Node, index: number): Promise<number> {
  const id = `lost:${index}`
  await producer.call('hold', id)
  const heard = other.call('endOf', id)
  const diedAt = now()
  producer.kill()
  return (await heard) - diedAt
}

async function memoryOf(redis: RedisServer): Promise<number> {
  const [bytes = Number.NaN] = await infoOf(redis, 'memory', 'used_memory')
  return bytes
}

function report(results: RunsResults, quick: boolean): void {
  const { stopMs, lostMs, outputs } = results
  const row = (name: string, values: readonly number[]) => [
    name,
    percentile(values, 0.5),
    percentile(values, 0.99),
    Math.max(...values),
  ]
  const head = ['ms', 'p50', 'p99', 'worst']
  const losses = row(`its node dies, lease of ${leaseMs} ms: the end is known`, lostMs)
  printTable('Runs on Redis', head, [row('stopped on another node: the signal aborts', stopMs), losses])
  printTable(
    `An output of a run with ${outputsEach}`,
    ['', 'script calls', 'CPU of Redis, µs', 'memory of Redis, bytes'],
    outputs.map(({ atOnce, commands, redisMicros, bytes }) => [
      atOnce ? 'published at once' : 'one after the other',
      commands,
      redisMicros,
      bytes,
    ]),
  )
  const budgets = [
    atMost('a stop from another node aborts the producer, p99', percentile(stopMs, 0.99), 100, 'ms'),
    atMost('a dead producer is told after its lease of 3 s and', Math.max(...lostMs) - leaseMs, 100, 'ms'),
  ]
  printBudgets(budgets)
  writeResults<RunsResults>('runs', quick, results, budgets)
}
