// The server of the unequal scenarios: one peer in its own process. `node --expose-gc unequal-server-process.js <peer>`
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { serve } from '../../child.js'
import { cpu, listen } from '../../measured-process.js'
import { now, sleep } from '../clock.js'
import { firstSeq, logPayloadOf, payloadOf } from '../event.js'
import { createBare, createRivulet, type Peer } from './peers.js'

/** Events of 150 B, each channel at its own pace. Late ones are published at once, up to four per turn. */
export interface PacePlan {
  readonly durationMs: number
  readonly intervalMs: Readonly<Record<string, number>>
}

const factories: Record<string, () => Peer> = {
  rivulet: createRivulet,
  coalescing: () => createRivulet({ coalescing: true }),
  compressed: () => createRivulet({ compression: true }),
  bare: createBare,
}
const create = factories[process.argv[2] ?? '']
if (!create) throw new Error(`There is no peer "${process.argv[2]}".`)
const peer = create()
const server = createServer((request, response) => void peer.connect(request, response))
const delay = monitorEventLoopDelay({ resolution: 1 })

const service = {
  listen: (): Promise<number> => listen(server),
  connections: (): number => peer.connections(),
  cpu,

  /** Memory in use after garbage collection, in bytes. Collects until no more is freed: some of it goes several turns later. */
  memory: async (): Promise<number> => {
    let least = Infinity
    for (let unchanged = 0; unchanged < 5; unchanged++) {
      globalThis.gc?.()
      await sleep(50)
      const { heapUsed, external } = process.memoryUsage()
      if (heapUsed + external < least - 4096) unchanged = 0
      least = Math.min(least, heapUsed + external)
    }
    return least
  },

  publish: ({ channel, count, bytes }: { channel: string; count: number; bytes: number }): void => {
    for (let index = 0; index < count; index++) peer.publish(channel, payloadOf(firstSeq + index, bytes))
  },

  /** Publishes to several channels, and returns the publication times of each, in milliseconds. */
  pace: async ({ durationMs, intervalMs }: PacePlan): Promise<Record<string, number[]>> => {
    const begin = now()
    const entries = Object.entries(intervalMs).map(([channel, ms]) => ({ channel, ms, at: [] as number[] }))
    while (now() - begin < durationMs) {
      for (const { channel, ms, at } of entries) {
        for (let late = 0; late < 4 && begin + at.length * ms <= now(); late++) {
          at.push(now())
          peer.publish(channel, payloadOf(firstSeq + at.length - 1, 150))
        }
      }
      await sleep(1)
    }
    return Object.fromEntries(entries.map(({ channel, at }) => [channel, at]))
  },

  /** Publishes lines of an access log at a steady pace, and resolves when all of them are written. */
  log: async ({ events, intervalMs }: { events: number; intervalMs: number }): Promise<number> => {
    const before = peer.written!()
    const begin = now()
    for (let index = 0; index < events; index++) {
      while (now() < begin + index * intervalMs) await sleep(1)
      peer.publish('log', logPayloadOf(firstSeq + index))
    }
    while (peer.written!().deliveries < before.deliveries + events * peer.connections()) await sleep(5)
    return (peer.written!().bytes - before.bytes) / events / peer.connections()
  },

  watchLoop: (): void => {
    delay.reset()
    delay.enable()
  },

  /** Longest stall of the event loop since `watchLoop`, in milliseconds. */
  longestStall: (): number => {
    delay.disable()
    return delay.max / 1e6
  },
}

export type UnequalService = typeof service

serve(service)
