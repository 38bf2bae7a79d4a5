import { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { buildPackages, compileProgram } from '../build.js'
import { hasRedis } from '../redis.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { printTable } from '../report/table.js'
import { type ChannelCosts, fullScale, measureChannels, type Programs, quickScale, type Scale } from './measure.js'

interface Costs extends ChannelCosts {
  /** Redis's `stream-node-max-bytes`. */
  readonly nodeMaxBytes: number
}

export interface ChannelsResults {
  readonly scale: Scale
  readonly costs: readonly Costs[]
}

/** Redis's default, and a value for many channels with few events. */
const nodeSizes = [4096, 1024]

export async function runChannels({ quick }: { quick: boolean }): Promise<void> {
  if (!hasRedis()) return
  const scale = quick ? quickScale : fullScale
  buildPackages('backplane-redis')
  const programs: Programs = {
    node: await compileProgram('channels/node-process'),
    load: await compileProgram('channels/load-process'),
  }
  const costs: Costs[] = []
  for (const nodeMaxBytes of nodeSizes) {
    const redis = await RedisServer.start({ args: ['--stream-node-max-bytes', String(nodeMaxBytes)] })
    try {
      costs.push({ nodeMaxBytes, ...(await measureChannels(programs, redis, scale)) })
    } finally {
      await redis.dispose()
    }
  }
  printChannels({ scale, costs })
  const worstSubscribe = Math.max(...costs.map(({ subscribeMicros }) => subscribeMicros))
  const channels = (scale.connections * scale.channelsEach).toLocaleString('en-US')
  const budgets = [atMost(`one subscribe on a node with ${channels} channels`, worstSubscribe / 1e3, 0.2, 'ms of CPU')]
  printBudgets(budgets)
  writeResults<ChannelsResults>('channels', quick, { scale, costs }, budgets)
}

function printChannels({ scale: { connections, channelsEach }, costs }: ChannelsResults): void {
  const row = (name: string, value: (one: ChannelCosts) => number) => [name, ...costs.map(value)]
  const resumed = costs[0]!.resumes.map(({ channels }, index) => ({ channels, index }))
  printTable(
    `${(connections * channelsEach).toLocaleString('en-US')} channels on one node: ${connections} clients, ${channelsEach} channels each`,
    ['stream-node-max-bytes', ...costs.map(({ nodeMaxBytes }) => String(nodeMaxBytes))],
    [
      row('subscribed to all after s', (one) => one.subscribeMs / 1e3),
      row('node CPU of one subscribe, ms', (one) => one.subscribeMicros / 1e3),
      row('node heap per channel, bytes', (one) => one.heapPerChannel),
      row('Redis memory per channel listened to, bytes', (one) => one.memorySubscribed),
      row('Redis memory per channel for one kept event, bytes', (one) => one.memoryKept),
      row('events/s, one to each channel', (one) => one.publishedPerSecond),
      row('node CPU µs/event', (one) => one.nodeMicrosPerEvent),
      row('Redis CPU µs/event', (one) => one.redisMicrosPerEvent),
      row('node CPU while idle, %', (one) => one.idle * 100),
      ...resumed.flatMap(({ channels, index }) => [
        row(`resume of ${channels} on another node, p50 ms`, ({ resumes }) => resumes[index]!.p50Ms),
        row('  commands', ({ resumes }) => resumes[index]!.commands),
        row('  Redis µs', ({ resumes }) => resumes[index]!.redisMicros),
      ]),
      row('whole again after a cut, ms', (one) => one.wholeAgainMs),
      ['gaps that clients were told of', ...costs.map(({ gaps }) => String(gaps))],
    ],
  )
}
