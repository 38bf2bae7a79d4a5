// One process of a machine: `node core-process.js <keeper|worker|alone> <socket>`
import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { type Backplane, EventManager, MemoryBackplane } from '@rivulet/server'
import { connectBackplane, serveBackplane } from '@rivulet/server/ipc'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'
import { serve } from '../child.js'
import { cpu, listen } from '../measured-process.js'
import { now, sleep } from '../server/clock.js'
import { firstSeq, payloadOf } from '../server/event.js'
import { eventName } from '../server/subject.js'

const [, , role, path = ''] = process.argv
const events = defineEvents({ [eventName]: z.object({ seq: z.number(), mark: z.string(), text: z.string() }) })
const backplane = await openBackplane()
const manager = new EventManager({ events, backplane })
const server = createServer((request, response) => handleEventStream(manager, request, response))

async function openBackplane(): Promise<Backplane> {
  if (role === 'worker') return connectBackplane({ path })
  const memory = new MemoryBackplane()
  if (role === 'keeper') await serveBackplane(memory, { path })
  return memory
}

let seq = firstSeq

const service = {
  listen: (): Promise<number> => listen(server),
  connections: (): number => manager.connections.size,
  cpu,
  /** Publishes one event a millisecond, the late ones at once, and returns when it began. */
  async publish({ count, bytes }: { count: number; bytes: number }): Promise<number> {
    const begin = now()
    for (let done = 0; done < count; await sleep(1)) {
      const due = Math.min(count, 1 + Math.floor(now() - begin))
      for (; done < due; done++) await manager.publish(eventName, payloadOf(seq++, bytes))
    }
    return begin
  },
}

export type CoreService = typeof service

serve(service)
