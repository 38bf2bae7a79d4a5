import { pinnableCores, startChild } from '../../child.js'
import { percentile } from '../../report/statistics.js'
import { sleep } from '../clock.js'
import { firstSeq } from '../event.js'
import type { LoadService } from '../load-process.js'
import { replay } from './peers.js'
import type { UnequalService } from './server-process.js'

export interface UnequalPrograms {
  readonly unequal: string
  readonly load: string
}

export interface UnequalScale {
  /** Number of clients of the busy channel. */
  readonly busy: number
  readonly busyMs: number
  readonly stalled: number
  readonly joins: number
  readonly joinRuns: number
}

export const fullUnequal: UnequalScale = { busy: 2_000, busyMs: 5_000, stalled: 100, joins: 8_000, joinRuns: 5 }
export const quickUnequal: UnequalScale = { busy: 500, busyMs: 1_500, stalled: 20, joins: 1_000, joinRuns: 1 }

export const largeEventBytes = 9 * 1024 * 1024

/** A server and several client processes, because the quiet client must not wait for the others. */
export class Unequal {
  readonly server
  readonly loads
  #port = 0

  constructor(programs: UnequalPrograms, peer: string, loads: number) {
    const cores = pinnableCores()
    const [first, last] = cores.length > 1 ? [cores[0], cores.at(-1)] : []
    this.server = startChild<UnequalService>(programs.unequal, {
      core: first,
      node: ['--expose-gc', '--max-old-space-size=4096'],
      args: [peer],
    })
    this.loads = Array.from({ length: loads }, () => startChild<LoadService>(programs.load, { core: last }))
  }

  async connect(
    index: number,
    plan: { path: string; connections: number; stalled?: number; atOnce?: number; acceptEncoding?: string },
  ) {
    this.#port ||= await this.server.call('listen')
    const before = await this.server.call('connections')
    const { stalled = 0, connections } = plan
    await this.loads[index]!.call('connect', { sampled: Math.min(connections, 1), ...plan, stalled, port: this.#port })
    while ((await this.server.call('connections')) < before + connections + stalled) await sleep(10)
  }

  end(): void {
    this.server.kill()
    for (const load of this.loads) load.kill()
  }
}

export async function within<Result>(unequal: Unequal, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } finally {
    unequal.end()
  }
}

export interface Fairness {
  /** Milliseconds from before an event is published until the quiet client has it. */
  readonly p50: number
  readonly p99: number
  readonly worst: number
  readonly events: number
}

/** One client of a quiet channel, with an event per 50 ms, beside those of a channel with an event per 5 ms. */
export function fairness(programs: UnequalPrograms, peer: string, scale: UnequalScale): Promise<Fairness> {
  const unequal = new Unequal(programs, peer, 2)
  return within(unequal, async () => {
    const { server, loads } = unequal
    await unequal.connect(0, { path: '/busy', connections: scale.busy })
    await unequal.connect(1, { path: '/quiet', connections: 1 })
    const published = await server.call('pace', { durationMs: scale.busyMs, intervalMs: { busy: 5, quiet: 50 } })
    const quiet = published.quiet!
    await loads[1]!.call('received', quiet.length)
    await loads[0]!.call('received', published.busy!.length)
    const { seq, at } = await loads[1]!.call('samples')
    const latencies = seq.map((number, index) => at[index]! - quiet[number - firstSeq]!)
    const [p50, p99, worst] = [0.5, 0.99, 1].map((share) => percentile(latencies, share)) as [number, number, number]
    return { p50, p99, worst, events: quiet.length }
  })
}

export interface LargeEvent {
  /** Memory of the server's process, in bytes, while the clients stall. */
  readonly growth: number
}

/** One large event for clients that do not read: half of them are connected already, the others get the event from the history. */
export function largeEvent(programs: UnequalPrograms, peer: string, { stalled }: UnequalScale): Promise<LargeEvent> {
  const unequal = new Unequal(programs, peer, 4)
  return within(unequal, async () => {
    const { server, loads } = unequal
    const half = Math.ceil(stalled / 2)
    const leave = async (load: number) => {
      loads[load]!.kill()
      while ((await server.call('connections')) > half) await sleep(10)
    }
    await unequal.connect(0, { path: '/large', connections: 0, stalled: half })
    // Node.js keeps some memory of connections that have left, for the next ones.
    await unequal.connect(1, { path: '/other', connections: 0, stalled: half })
    await leave(1)
    // The streams of later clients are not growth, because as many leave.
    await unequal.connect(2, { path: '/other', connections: 0, stalled: half })
    // Neither is the code that the first event compiles, nor the benchmark's own memory for a large one.
    await server.call('publish', { channel: 'large', count: 1, bytes: 150 })
    await server.call('publish', { channel: 'nobody', count: 1, bytes: largeEventBytes })
    const before = await server.call('memory')
    await server.call('publish', { channel: 'large', count: 1, bytes: largeEventBytes })
    await leave(2)
    await unequal.connect(3, { path: '/large', connections: 0, stalled: half })
    await sleep(500)
    return { growth: (await server.call('memory')) - before }
  })
}

/** As many streams join several times. */
export interface Joins {
  /** The first time, directly after the start of the server. */
  readonly cold: Joining
  /** The last time. The server has compiled its code. */
  readonly warm: Joining
}

export interface Joining {
  readonly cpuMicrosPerJoin: number
  /** Longest stall of the event loop, in milliseconds. */
  readonly longestStall: number
}

/** The crowds of streams that join one after the other, and the streams that stay meanwhile. */
const crowds = 6
const staying = 10

/** Streams that join as fast as their clients can ask, with 100 events each. */
export function joins(programs: UnequalPrograms, peer: string, scale: UnequalScale): Promise<Joins> {
  const unequal = new Unequal(programs, peer, crowds + 1)
  const { server, loads } = unequal
  const join = async (crowd: number): Promise<Joining> => {
    await server.call('watchLoop')
    const cpu = await server.call('cpu')
    await unequal.connect(crowd, { path: '/joins', connections: scale.joins, atOnce: 500 })
    await loads[crowd]!.call('received', replay)
    const cpuMicrosPerJoin = ((await server.call('cpu')) - cpu) / scale.joins
    return { cpuMicrosPerJoin, longestStall: await server.call('longestStall') }
  }
  const leave = async (crowd: number) => {
    loads[crowd]!.kill()
    while ((await server.call('connections')) > staying) await sleep(10)
  }
  return within(unequal, async () => {
    await server.call('publish', { channel: 'joins', count: replay, bytes: 150 })
    const cold = await join(0)
    // Without any stream left, V8 would drop the code that it has compiled for them.
    await unequal.connect(crowds, { path: '/joins', connections: staying })
    let warm = cold
    for (let crowd = 1; crowd < crowds; crowd++) {
      await leave(crowd - 1)
      warm = await join(crowd)
    }
    return { cold, warm }
  })
}
