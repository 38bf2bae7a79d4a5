// The server: one subject in its own process. `node --expose-gc server-process.js <subject>`
import { createServer } from 'node:http'
import { serve } from '../child.js'
import { cpu, listen } from '../measured-process.js'
import { now, sleep } from './clock.js'
import { firstSeq, payloadOf } from './event.js'
import type { Subject } from './subject.js'
import { createSubject as betterSse } from './subjects/better-sse.js'
import { createSubject as floor } from './subjects/floor.js'
import { createSubject as naive } from './subjects/naive.js'
import { createSubject as rivulet } from './subjects/rivulet.js'
import { createSubject as sseChannel } from './subjects/sse-channel.js'

/** Events to publish: `ticks` times, every `intervalMs`, `perTick` events. Late ticks are published at once, one per turn. */
export interface PublishPlan {
  readonly ticks: number
  readonly perTick: number
  readonly intervalMs: number
  /** Size of an event's payload as JSON. */
  readonly bytes: number
  /** Ends after this time, even before all ticks are published: a slow subject is measured as far as it gets. */
  readonly maxMs: number
  /** Ends when the process has grown by this much. Growth is measured only if this is set. */
  readonly maxGrowthBytes?: number
}

export interface Publication {
  readonly events: number
  /** Largest growth of the process while it published, in bytes (resident set). */
  readonly peakGrowth: number
}

const factories: Record<string, () => Subject> = {
  rivulet,
  floor,
  naive,
  'better-sse': betterSse,
  'sse-channel': sseChannel,
}

const create = factories[process.argv[2] ?? '']
if (!create) throw new Error(`There is no subject "${process.argv[2]}".`)
const subject = create()
const server = createServer((request, response) => void subject.connect(request, response))
let nextSeq = firstSeq
let publishedAt: number[] = []

const service = {
  listen: (): Promise<number> => listen(server),
  connections: (): number => subject.connections(),
  cpu,
  memory: async (): Promise<{ heap: number; rss: number }> => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await sleep(50)
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { heap: heapUsed + external, rss }
  },
  publish,
  /** Time at which each event of the last publication was published, in milliseconds. */
  publishedAt: (): { firstSeq: number; at: number[] } => ({ firstSeq: nextSeq - publishedAt.length, at: publishedAt }),
}

export type ServerService = typeof service

serve(service)

async function publish(plan: PublishPlan): Promise<Publication> {
  const { ticks, perTick, intervalMs, maxMs, maxGrowthBytes } = plan
  publishedAt = []
  // Preparation takes memory, which would count as growth.
  const ahead = maxGrowthBytes === undefined
  const prepared = ahead ? Array.from({ length: ticks }, () => prepareTick(plan)) : []
  const rss = process.memoryUsage.rss()
  const begin = now()
  let peakGrowth = 0
  let events = 0
  for (let tick = 0; tick < ticks; tick++) {
    await sleep(Math.max(0, begin + tick * intervalMs - now()))
    if (now() - begin > maxMs || peakGrowth > (maxGrowthBytes ?? Number.POSITIVE_INFINITY)) break
    const send = prepared[tick] ?? prepareTick(plan)
    const at = now()
    for (let i = 0; i < perTick; i++) publishedAt.push(at)
    send()
    events += perTick
    if (!ahead) peakGrowth = Math.max(peakGrowth, process.memoryUsage.rss() - rss)
  }
  // Reuses the numbers of events that were prepared but not published.
  if (ahead) nextSeq -= ticks * perTick - events
  return { events, peakGrowth }
}

function prepareTick({ perTick, bytes }: PublishPlan): () => void {
  return subject.prepare(Array.from({ length: perTick }, () => payloadOf(nextSeq++, bytes)))
}
