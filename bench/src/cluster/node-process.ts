// One node in its own process: `node node-process.js <library> [<port of Redis>]`
import { createServer } from 'node:http'
import { serve } from '../child.js'
import { cpu, listen } from '../measured-process.js'
import { now, sleep } from '../server/clock.js'
import { firstSeq, payloadOf } from '../server/event.js'
import type { CreateClusterSubject } from './subject.js'
import type { Library } from './subject-names.js'
import { createSubject as orpc } from './subjects/orpc.js'
import { createSubject as rivulet } from './subjects/rivulet.js'
import { createSubject as socketIo } from './subjects/socket-io.js'

/** Events at a steady rate. Late ones are published at once. */
export interface PublishPlan {
  readonly events: number
  readonly perSecond: number
  /** Size of an event's payload as JSON. */
  readonly bytes: number
}

export interface Publication {
  /** Time at which each event was published, in milliseconds. */
  readonly at: readonly number[]
  /** Number of rejected events. */
  readonly failed: number
}

const factories: Record<Library, CreateClusterSubject> = { rivulet, 'socket.io': socketIo, orpc }

const [, , library = '', redisPort] = process.argv
const subject = factories[library as Library](redisPort ? Number(redisPort) : undefined)
const server = createServer()
let nextSeq = firstSeq

const service = {
  listen: (): Promise<number> => {
    subject.attach(server)
    return listen(server)
  },
  connections: (): number => subject.connections(),
  cpu,
  publish,
}

export type NodeService = typeof service

serve(service)

async function publish({ events, perSecond, bytes }: PublishPlan): Promise<Publication> {
  const at: number[] = []
  const answers: Promise<unknown>[] = []
  const begin = now()
  while (at.length < events) {
    const due = Math.min(events, 1 + Math.floor(((now() - begin) * perSecond) / 1e3))
    while (at.length < due) {
      at.push(now())
      answers.push(Promise.resolve(subject.publish(payloadOf(nextSeq++, bytes))))
    }
    await sleep(Math.max(0, begin + (at.length * 1e3) / perSecond - now()))
  }
  const failed = (await Promise.allSettled(answers)).filter(({ status }) => status === 'rejected').length
  return { at, failed }
}
