// One node with many channels. `node --expose-gc node-process.js <port of Redis>`
import { createServer } from 'node:http'
import { RedisBackplane } from '@rivulet/backplane-redis'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { serve } from '../child.js'
import { cpu, listen } from '../measured-process.js'
import { now, sleep } from '../server/clock.js'
import { firstSeq, payloadOf } from '../server/event.js'
import { eventName } from '../server/subject.js'

const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
const client = new Redis(Number(process.argv[2]), '127.0.0.1', { lazyConnect: true })
const backplane = new RedisBackplane({ client })
// Redis is cut off on purpose.
const manager = new EventManager({ events, backplane, onError: () => {} })

let lastKey = 0

const channelOf = (index: number) => `user:${index}`
const publish = (index: number, idempotencyKey?: string) =>
  manager.publish(eventName, payloadOf(firstSeq + index, 150), { channel: channelOf(index), idempotencyKey })

/** A client asks for a range of channels: `/?from=0&count=100`. */
const server = createServer((request, response) =>
  handleEventStream(manager, request, response, {
    channels: () => {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams
      const from = Number(query.get('from'))
      return Array.from({ length: Number(query.get('count')) }, (_, index) => channelOf(from + index))
    },
  }),
)

const service = {
  listen: (): Promise<number> => listen(server),

  cpu,

  heap: async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await sleep(50)
    }
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },

  /** Publishes one event to each channel, `window` at a time. Returns the id of the first one. */
  publishToEach: async ({ channels, window }: { channels: number; window: number }): Promise<string> => {
    const { id } = await publish(0)
    let next = 1
    const work = async () => {
      while (next < channels) await publish(next++)
    }
    await Promise.all(Array.from({ length: window }, work))
    return id!
  },

  /** Subscribes to further channels, one after the other, and unsubscribes. Returns the CPU per channel, in microseconds. */
  subscribe: async (times: number): Promise<number> => {
    const subscriber = { onMessage() {}, onGap() {}, onHealth() {} }
    const one = async (index: number) => {
      await backplane.subscribe(`further:${index}`, subscriber)
      backplane.unsubscribe(`further:${index}`, subscriber)
    }
    // Warms up the compiler.
    for (let index = 0; index < times; index++) await one(index)
    const before = cpu()
    for (let index = 0; index < times; index++) await one(times + index)
    return (cpu() - before) / times
  },

  /** Publishes one event as soon as Redis takes it. Returns the number of rejected attempts. */
  publishWhenPossible: async (index: number): Promise<number> => {
    // A rejected event may have been stored. Its key makes repeated attempts one event.
    const key = String(lastKey++)
    for (let refused = 0; ; refused++) {
      try {
        await publish(index, key)
        return refused
      } catch (error) {
        if (refused > 10_000) throw error
        await sleep(2)
      }
    }
  },

  now,
}

export type NodeService = typeof service

serve(service)
