import { atMost, type Budget } from '../../report/budget.js'
import { median, percentile } from '../../report/statistics.js'
import { printTable } from '../../report/table.js'
import { firstSeq } from '../event.js'
import { Unequal, type UnequalPrograms, within } from './scenarios.js'

/** The same server without and with `coalescing: true`. */
export const modes = ['rivulet', 'coalescing'] as const
export type Mode = (typeof modes)[number]

export interface CoalescingScale {
  readonly connections: number
  readonly durationMs: number
  /** The time between two events, in milliseconds. */
  readonly intervalsMs: readonly number[]
  readonly runs: number
}

export const fullCoalescing: CoalescingScale = {
  connections: 1_000,
  durationMs: 4_000,
  intervalsMs: [50, 20, 5, 2, 1],
  runs: 3,
}
export const quickCoalescing: CoalescingScale = { connections: 100, durationMs: 500, intervalsMs: [5], runs: 1 }

export interface Pacing {
  readonly cpuMicrosPerDelivery: number
  /** Milliseconds from before an event is published until one of the clients has it. */
  readonly p50: number
  readonly p99: number
}

export interface CoalescingResults {
  readonly scale: CoalescingScale
  /** By the time between two events. */
  readonly runs: Readonly<Record<number, Readonly<Record<Mode, readonly Pacing[]>>>>
}

/** Events at a steady pace to all clients. */
export function pacing(
  programs: UnequalPrograms,
  mode: Mode,
  { connections, durationMs }: CoalescingScale,
  intervalMs: number,
): Promise<Pacing> {
  const unequal = new Unequal(programs, mode, 1)
  const { server, loads } = unequal
  return within(unequal, async () => {
    await unequal.connect(0, { path: '/steady', connections })
    const before = await server.call('cpu')
    const { steady = [] } = await server.call('pace', { durationMs, intervalMs: { steady: intervalMs } })
    await loads[0]!.call('received', steady.length)
    const cpuMicrosPerDelivery = ((await server.call('cpu')) - before) / connections / steady.length
    const { seq, at } = await loads[0]!.call('samples')
    const latencies = seq.map((number, index) => at[index]! - steady[number - firstSeq]!)
    return { cpuMicrosPerDelivery, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
  })
}

/** The median of the runs of one pace. */
export function paced({ runs }: CoalescingResults, intervalMs: number, mode: Mode, value: keyof Pacing): number {
  return median(runs[intervalMs]![mode].map((run) => run[value]))
}

export function judgeCoalescing(results: CoalescingResults): Budget[] {
  const cpu = (mode: Mode) => paced(results, 2, mode, 'cpuMicrosPerDelivery')
  const p99 = paced(results, 2, 'coalescing', 'p99')
  return [
    atMost('CPU per delivery with coalescing, 1 event per 2 ms', cpu('coalescing') / cpu('rivulet'), 0.2, '× without'),
    atMost('p99 then', p99, 30, 'ms'),
  ]
}

export function printCoalescing(results: CoalescingResults): void {
  const { connections, intervalsMs } = results.scale
  printTable(
    `${connections} clients, without coalescing → with it`,
    ['one event per', 'CPU µs/delivery', '', 'p50 ms', '', 'p99 ms', ''],
    intervalsMs.map((ms) => [
      `${ms} ms`,
      ...(['cpuMicrosPerDelivery', 'p50', 'p99'] as const).flatMap((value) =>
        modes.map((mode) => paced(results, ms, mode, value)),
      ),
    ]),
  )
}
