import { atMost, type Budget } from '../report/budget.js'
import { median } from '../report/statistics.js'
import { number, printTable } from '../report/table.js'
import { type Climb, keptUp, type Scale } from './scenarios.js'
import { type SubjectName, settings, subjects } from './subject-names.js'
import { type Delivery, isComplete } from './trial.js'

export interface ClusterResults {
  readonly scale: Scale
  readonly steady: Readonly<Record<SubjectName, readonly Delivery[]>>
  readonly climb: Readonly<Record<SubjectName, Climb>>
}

const one: SubjectName = 'rivulet, 1 node, Redis'
const two: SubjectName = 'rivulet, 2 nodes, Redis'

/** Median over the runs of a subject. */
function over(runs: readonly Delivery[], value: (run: Delivery) => number): number {
  return median(runs.map(value))
}

/** CPU of all nodes together, per event and client. */
export const nodeMicrosPerDelivery = ({ nodeCpu, events, clients }: Delivery): number => nodeCpu / (events * clients)
const p50 = (run: Delivery) => run.p50
const p99 = (run: Delivery) => run.p99

export function judge({ steady }: ClusterResults): Budget[] {
  return [atMost('p99 to the last client, two nodes', over(steady[two], p99) / over(steady[one], p99), 3, `× ${one}`)]
}

export function printResults({ scale, steady, climb }: ClusterResults): void {
  const { connectionsPerNode, perSecond, seconds, rungSeconds } = scale
  printTable(
    `${perSecond} events a second to ${connectionsPerNode} clients a node: from publish to the last client`,
    [
      '',
      'p50 ms',
      'p99 ms',
      'node CPU µs/delivery',
      'node CPU µs/event',
      'Redis CPU µs/event',
      'bytes/delivery',
      'events',
      'outcome',
    ],
    subjects.map((subject) => {
      const runs = steady[subject]
      return [
        subject,
        over(runs, p50),
        over(runs, p99),
        over(runs, nodeMicrosPerDelivery),
        over(runs, (run) => run.nodeCpu / run.events),
        settings[subject].redis ? over(runs, (run) => run.redisCpu / run.events) : undefined,
        over(runs, (run) => run.bytesPerDelivery),
        runs.reduce((sum, run) => sum + run.events, 0).toLocaleString('en-US'),
        outcome(runs.find((run) => !keptUp(run, seconds)) ?? runs[0]!, seconds),
      ]
    }),
  )
  printTable(
    'The highest rate that all deliveries keep up with',
    ['', 'events/s', 'deliveries/s', 'node CPU µs/event', 'Redis CPU µs/event', 'one step above'],
    subjects.map((subject) => {
      const { perSecond: rate, best, failed } = climb[subject]
      return [
        subject,
        best ? rate : `below ${number(failed?.perSecond ?? 0)}`,
        best && (rate * best.clients).toLocaleString('en-US', { maximumFractionDigits: 0 }),
        best && best.nodeCpu / best.events,
        best && settings[subject].redis ? best.redisCpu / best.events : undefined,
        failed ? `${number(failed.perSecond)}/s: ${outcome(failed.delivery, rungSeconds)}` : 'not tried',
      ]
    }),
  )
}

function outcome(delivery: Delivery, seconds: number): string {
  const { events, clients, missing, extra, failed, failure, elapsedMs } = delivery
  if (isComplete(delivery))
    return keptUp(delivery, seconds) ? 'complete' : `complete, ${number(elapsedMs / 1e3 - seconds)} s late`
  const parts = [
    missing > 0 && `LOST ${number((100 * missing) / (events * clients))} %`,
    extra > 0 && `${extra} TWICE`,
    failed > 0 && `${failed} refused`,
    failure,
  ]
  return parts.filter(Boolean).join(', ')
}
