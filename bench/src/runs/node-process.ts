// One node with runs. `node node-process.js <port of Redis> <leaseMs>`
import { RedisBackplane } from '@rivulet/backplane-redis'
import { defineEvents } from '@rivulet/core'
import { EventManager, RunManager, runChannel } from '@rivulet/server'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { serve } from '../child.js'
import { now } from '../server/clock.js'

const [port, leaseMs] = process.argv.slice(2).map(Number) as [number, number]
const client = new Redis(port, '127.0.0.1', { lazyConnect: true })
const backplane = new RedisBackplane({ client })
const manager = new EventManager({ events: defineEvents({ token: z.object({ text: z.string() }) }), backplane })
const runs = new RunManager({ manager, leaseMs })
const aborted = new Map<string, (at: number) => void>()
const abortedAt = new Map<string, Promise<number>>()

const service = {
  /** Starts a run whose producer publishes nothing, and waits. */
  hold: async (id: string): Promise<void> => {
    abortedAt.set(id, new Promise((resolve) => aborted.set(id, resolve)))
    await runs.start(id, {}, ({ signal }) => {
      signal.addEventListener('abort', () => aborted.get(id)!(now()))
      return new Promise(() => {})
    })
  },

  /** Resolves with the time at which the producer's signal aborted. */
  abortedAt: (id: string): Promise<number> => abortedAt.get(id)!,

  /** Returns the time before the call. */
  stop: async (id: string): Promise<number> => {
    const at = now()
    await runs.stop(id)
    return at
  },

  /** Resolves with the time at which this node hears of the end of a run. */
  endOf: async (id: string): Promise<number> => {
    return new Promise((resolve) => {
      const onMessage = (_: string, { type }: { type: string }) => {
        if (type === 'rivulet:end') resolve(now())
      }
      void backplane.subscribe(runChannel(id), { onMessage, onGap() {}, onHealth() {} })
    })
  },

  /** Plays runs one after the other, each with so many outputs, one at a time or all at once. */
  play: async ({ prefix, count, outputs, atOnce }: Play): Promise<void> => {
    for (let run = 0; run < count; run++) {
      const { finished } = await runs.start(`${prefix}${run}`, { key: `user:${run % 100}` }, async ({ publish }) => {
        const published: Promise<void>[] = []
        for (let n = 0; n < outputs; n++) {
          const one = publish('token', { text: ` word${n}` })
          if (!atOnce) await one
          published.push(one)
        }
        await Promise.all(published)
      })
      await finished
    }
  },
}

export interface Play {
  readonly prefix: string
  readonly count: number
  readonly outputs: number
  readonly atOnce: boolean
}

export type RunNodeService = typeof service

serve(service)
