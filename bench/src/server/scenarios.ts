import type { PublishPlan } from './server-process.js'
import { type Measurement, type Memory, type Programs, Trial } from './trial.js'

/** Extent of each scenario. */
export interface Scale {
  readonly runs: number
  readonly connections: number
  readonly many: number
  readonly ticks: number
  readonly stalled: number
  readonly stalledEvents: number
}

export const fullScale: Scale = {
  runs: 3,
  connections: 1_000,
  many: 10_000,
  ticks: 300,
  stalled: 1_000,
  stalledEvents: 3_200,
}

export const quickScale: Scale = { runs: 1, connections: 100, many: 500, ticks: 50, stalled: 50, stalledEvents: 400 }

/** Growth through stalled clients at which a subject's run is ended, because it has no bound. */
const stalledCapBytes = 2 ** 30
const stalledEventBytes = 32_768
/** Number of clients that read, beside the stalled ones. */
export const readers = 10

/** One event per 10 ms: chats, tickers, progress. */
export async function steady(programs: Programs, subject: string, scale: Scale): Promise<Measurement> {
  const plan: PublishPlan = { ticks: scale.ticks, perTick: 1, intervalMs: 10, bytes: 150, maxMs: 10_000 }
  return await measure(programs, subject, scale.connections, plan)
}

/** 50 events per 10 ms, published in one turn of the event loop. */
export async function burst(programs: Programs, subject: string, scale: Scale): Promise<Measurement> {
  const plan: PublishPlan = { ticks: Math.ceil(scale.ticks / 3), perTick: 50, intervalMs: 10, bytes: 150, maxMs: 4_000 }
  return await measure(programs, subject, scale.connections, plan)
}

export interface ManyConnections {
  readonly memory: Memory
  /** One event per 100 ms: as many deliveries per second as steady, but no events coincide. */
  readonly paced: Measurement
  /** One event per 10 ms: more than one core can deliver event by event. */
  readonly full: Measurement
}

export async function manyConnections(programs: Programs, subject: string, scale: Scale): Promise<ManyConnections> {
  const trial = new Trial(programs, subject)
  try {
    const memory = await trial.idleMemory(scale.many)
    await trial.warmUp({ ticks: 5, perTick: 1, intervalMs: 100, bytes: 150, maxMs: 2_000 })
    const paced = await trial.publish({ ticks: 20, perTick: 1, intervalMs: 100, bytes: 150, maxMs: 10_000 })
    const full = await trial.publish({ ticks: 100, perTick: 1, intervalMs: 10, bytes: 150, maxMs: 3_000 })
    return { memory, paced, full }
  } finally {
    trial.end()
  }
}

export interface StalledClients {
  /** Bytes published before the end, or before the subject grew beyond the cap. */
  readonly publishedBytes: number
  readonly capped: boolean
  readonly growthBytes: number
  /** Latency of the clients that read. Undefined if the run was ended. */
  readonly p99: number | undefined
  /** The same clients without stalled ones. */
  readonly p99Alone: number
}

export async function stalledClients(programs: Programs, subject: string, scale: Scale): Promise<StalledClients> {
  const plan = { perTick: 1, bytes: stalledEventBytes, maxMs: 60_000, maxGrowthBytes: stalledCapBytes }
  // Until the kernel's buffers are full (some 4 MiB each), a stalled client behaves like any other. This phase
  // is slow, because it costs a copy per client.
  const filling: PublishPlan = { ...plan, ticks: scale.stalledEvents / 20, intervalMs: 25 }
  const rest: PublishPlan = { ...plan, ticks: scale.stalledEvents - filling.ticks, intervalMs: 3 }

  const alone = await beside(0, (trial) => trial.publish({ ...rest, ticks: scale.stalledEvents / 3 }))
  return await beside(scale.stalled, async (trial) => {
    const first = await trial.publish(filling)
    const second = first.events === filling.ticks ? await trial.publish(rest) : undefined
    const events = first.events + (second?.events ?? 0)
    const capped = events < scale.stalledEvents
    return {
      publishedBytes: events * stalledEventBytes,
      capped,
      growthBytes: first.peakGrowth + (second?.peakGrowth ?? 0),
      p99: capped ? undefined : second?.p99,
      p99Alone: alone.p99,
    }
  })

  async function beside<Result>(stalled: number, run: (trial: Trial) => Promise<Result>): Promise<Result> {
    const trial = new Trial(programs, subject)
    try {
      await trial.connect({ connections: readers, sampled: readers, stalled })
      return await run(trial)
    } finally {
      trial.end()
    }
  }
}

async function measure(
  programs: Programs,
  subject: string,
  connections: number,
  plan: PublishPlan,
): Promise<Measurement> {
  const trial = new Trial(programs, subject)
  try {
    await trial.connect({ connections, sampled: 50, stalled: 0 })
    await trial.warmUp({ ...plan, ticks: Math.ceil(plan.ticks / 4), maxMs: 1_500 })
    return await trial.publish(plan)
  } finally {
    trial.end()
  }
}
