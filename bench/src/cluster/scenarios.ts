import type { RedisServer } from '../../../packages/backplane-redis/test/redis-server.js'
import type { SubjectName } from './subject-names.js'
import { ClusterTrial, type Delivery, isComplete, type Programs } from './trial.js'

/** Extent of each scenario. */
export interface Scale {
  readonly runs: number
  readonly connectionsPerNode: number
  readonly perSecond: number
  readonly seconds: number
  /** Time for which each rate is tried. */
  readonly rungSeconds: number
  readonly maxPerSecond: number
}

export const fullScale: Scale = {
  runs: 3,
  connectionsPerNode: 1_000,
  perSecond: 10,
  seconds: 15,
  rungSeconds: 2,
  maxPerSecond: 20_000,
}

export const quickScale: Scale = {
  runs: 1,
  connectionsPerNode: 50,
  perSecond: 20,
  seconds: 2,
  rungSeconds: 0.5,
  maxPerSecond: 500,
}

const bytes = 150
const firstPerSecond = 5
const growth = 1.5
/** Time after its last publish within which a subject that keeps up must finish, in milliseconds. */
const marginMs = 500

/** Returns `true` if every client had every event once, and the last one in time. */
export function keptUp(delivery: Delivery, seconds: number): boolean {
  return isComplete(delivery) && delivery.elapsedMs <= seconds * 1e3 + marginMs
}

/** A rate that all subjects sustain. */
export async function steady(
  programs: Programs,
  redis: RedisServer,
  subject: SubjectName,
  { connectionsPerNode, perSecond, seconds }: Scale,
): Promise<Delivery> {
  return withTrial(programs, redis, subject, connectionsPerNode, (trial) =>
    trial.publish({ events: perSecond * seconds, perSecond, bytes }),
  )
}

export interface Climb {
  /** The highest rate that the subject sustained; 0 if it failed at the first one. */
  readonly perSecond: number
  readonly best: Delivery | undefined
  /** Outcome one step above; `undefined` if no higher rate was tried. */
  readonly failed: { readonly perSecond: number; readonly delivery: Delivery } | undefined
}

/** Raises the rate by half until a subject does not keep up. */
export async function climb(
  programs: Programs,
  redis: RedisServer,
  subject: SubjectName,
  { connectionsPerNode, rungSeconds, maxPerSecond }: Scale,
): Promise<Climb> {
  return withTrial(programs, redis, subject, connectionsPerNode, async (trial) => {
    let perSecond = 0
    let best: Delivery | undefined
    for (let next = firstPerSecond; next <= maxPerSecond; next *= growth) {
      const delivery = await trial.publish({ events: Math.ceil(next * rungSeconds), perSecond: next, bytes })
      if (!keptUp(delivery, rungSeconds)) return { perSecond, best, failed: { perSecond: next, delivery } }
      perSecond = next
      best = delivery
    }
    return { perSecond, best, failed: undefined }
  })
}

async function withTrial<Result>(
  programs: Programs,
  redis: RedisServer,
  subject: SubjectName,
  connectionsPerNode: number,
  run: (trial: ClusterTrial) => Promise<Result>,
): Promise<Result> {
  const trial = new ClusterTrial(programs, subject, redis)
  try {
    await trial.connect(connectionsPerNode)
    // Warms up the compiler, and lets each node receive the events of the others.
    await trial.publish({ events: 40, perSecond: 20, bytes })
    return await run(trial)
  } finally {
    trial.end()
  }
}
