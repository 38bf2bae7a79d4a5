import type { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import { type Child, startChild } from '../child.js'
import { commandOf, infoOf, redisCpu } from '../redis.js'
import { median } from '../report/statistics.js'
import { now, sleep } from '../server/clock.js'
import type { LoadService } from './load-process.js'
import type { NodeService } from './node-process.js'

export interface Programs {
  readonly node: string
  readonly load: string
}

export interface Scale {
  readonly connections: number
  readonly channelsEach: number
  /** Number of clients that reconnect, one after the other. */
  readonly resumes: number
  readonly cuts: number
  /** Number of further subscriptions to measure. */
  readonly subscribes: number
}

export const fullScale: Scale = { connections: 1_000, channelsEach: 100, resumes: 200, cuts: 3, subscribes: 2_000 }
export const quickScale: Scale = { connections: 20, channelsEach: 100, resumes: 10, cuts: 1, subscribes: 50 }

/** Cost of each client that reconnects. */
export interface Resume {
  readonly channels: number
  /** Milliseconds from its request to the last missed event. */
  readonly p50Ms: number
  readonly commands: number
  readonly redisMicros: number
}

export interface ChannelCosts {
  /** Milliseconds from the first request until all streams were open. */
  readonly subscribeMs: number
  /** CPU of the node for one further subscription, on top of all others. */
  readonly subscribeMicros: number
  readonly heapPerChannel: number
  /** Memory of Redis, in bytes: for a subscription of one node, and for one kept event. */
  readonly memorySubscribed: number
  readonly memoryKept: number
  readonly publishedPerSecond: number
  readonly nodeMicrosPerEvent: number
  readonly redisMicrosPerEvent: number
  /** Share of a core that the idle node uses. */
  readonly idle: number
  readonly resumes: readonly Resume[]
  /** Milliseconds from the cut of Redis's connections until the arrival of an event that was published afterwards. */
  readonly wholeAgainMs: number
  readonly gaps: number
}

/** Number of events in flight to Redis. */
const window = 256
const idleMs = 3_000

export async function measureChannels(programs: Programs, redis: RedisServer, scale: Scale): Promise<ChannelCosts> {
  const startNode = () => startChild<NodeService>(programs.node, { node: ['--expose-gc'], args: [String(redis.port)] })
  const node = startNode()
  const other = startNode()
  const load = startChild<LoadService>(programs.load)
  try {
    const { connections, channelsEach } = scale
    const channels = connections * channelsEach
    const port = await node.call('listen')
    // Connects both nodes, and loads code that is loaded once.
    for (const each of [node, other]) await each.call('publishWhenPossible', channels)

    const heap = await node.call('heap')
    const empty = await memoryOf(redis)
    const begin = now()
    await load.call('open', { port, connections, channelsEach })
    const subscribeMs = now() - begin
    const heapPerChannel = ((await node.call('heap')) - heap) / channels
    const subscribed = await memoryOf(redis)

    const [nodeBefore, redisBefore, publishBegin] = [await node.call('cpu'), await redisCpu(redis), now()]
    const first = await node.call('publishToEach', { channels, window })
    const publishMs = (await load.call('received', channels)) - publishBegin
    const nodeMicrosPerEvent = ((await node.call('cpu')) - nodeBefore) / channels
    const redisMicrosPerEvent = ((await redisCpu(redis)) - redisBefore) / channels
    const kept = await memoryOf(redis)

    const idleBefore = await node.call('cpu')
    await sleep(idleMs)
    const idle = ((await node.call('cpu')) - idleBefore) / 1e3 / idleMs

    const otherPort = await other.call('listen')
    const resume = (count: number, from: number, times: number) =>
      measureResumes(redis, load, { port: otherPort, from, count, after: first }, times)
    const resumes = [
      await resume(1, 1, scale.resumes),
      await resume(channelsEach, channelsEach, Math.ceil(scale.resumes / 20)),
    ]

    const whole: number[] = []
    for (let cut = 1; cut <= scale.cuts; cut++) {
      const cutAt = now()
      await Promise.all(['pubsub', 'normal'].map((type) => redis.command('CLIENT', 'KILL', 'TYPE', type)))
      await node.call('publishWhenPossible', 0)
      whole.push((await load.call('received', channels + cut)) - cutAt)
    }
    return {
      subscribeMs,
      subscribeMicros: await node.call('subscribe', scale.subscribes),
      heapPerChannel,
      memorySubscribed: (subscribed - empty) / channels,
      memoryKept: (kept - subscribed) / channels,
      publishedPerSecond: (channels * 1e3) / publishMs,
      nodeMicrosPerEvent,
      redisMicrosPerEvent,
      idle,
      resumes,
      wholeAgainMs: median(whole),
      gaps: await load.call('gaps'),
    }
  } finally {
    for (const child of [node, other, load]) child.kill()
  }
}

async function measureResumes(
  redis: RedisServer,
  load: Child<LoadService>,
  streams: { port: number; from: number; count: number; after: string },
  times: number,
): Promise<Resume> {
  const latencies: number[] = []
  await redis.command('CONFIG', 'RESETSTAT')
  for (let index = 0; index < times; index++)
    latencies.push(await load.call('resume', { ...streams, from: streams.from + index * streams.count }))
  const used = await Promise.all(['evalsha', 'subscribe'].map((command) => commandOf(redis, command)))
  const sum = (key: 'calls' | 'micros') => used.reduce((total, one) => total + one[key], 0) / times
  return { channels: streams.count, p50Ms: median(latencies), commands: sum('calls'), redisMicros: sum('micros') }
}

async function memoryOf(redis: RedisServer): Promise<number> {
  const [bytes = Number.NaN] = await infoOf(redis, 'memory', 'used_memory')
  return bytes
}
