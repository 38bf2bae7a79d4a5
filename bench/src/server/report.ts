import { atMost, type Budget } from '../report/budget.js'
import { median } from '../report/statistics.js'
import { number, printTable } from '../report/table.js'
import { type ManyConnections, readers, type Scale, type StalledClients } from './scenarios.js'
import { type SubjectName, subjects } from './subject-names.js'
import type { Measurement } from './trial.js'

type Runs<Result> = Readonly<Record<SubjectName, readonly Result[]>>

export interface ServerResults {
  readonly scale: Scale
  readonly steady: Runs<Measurement>
  readonly burst: Runs<Measurement>
  readonly many: Runs<ManyConnections>
  readonly stalled: Runs<StalledClients>
}

const kib = 1024
const mib = 1024 * kib
const highWaterMarkBytes = 262_144

/** Median over the runs of a subject. */
export function over<Result>(runs: readonly Result[], value: (result: Result) => number): number {
  return median(runs.map(value))
}

const cpu = (result: Measurement) => result.cpuMicrosPerDelivery
const heap = ({ memory }: ManyConnections) => memory.heapPerConnection
const rss = ({ memory }: ManyConnections) => memory.rssPerConnection
const growth = ({ growthBytes }: StalledClients) => growthBytes

export function judge({ scale, steady, burst, many, stalled }: ServerResults): Budget[] {
  const ratio = <Result>(runs: Runs<Result>, value: (result: Result) => number, to: SubjectName) =>
    over(runs.rivulet, value) / over(runs[to], value)
  const once = over(steady.rivulet, cpu)
  return [
    atMost('CPU per delivery, steady', ratio(steady, cpu, 'better-sse'), 0.6, '× better-sse'),
    atMost('CPU per delivery, steady', ratio(steady, cpu, 'floor'), 1.15, '× floor'),
    atMost('CPU per delivery, burst', ratio(burst, cpu, 'better-sse'), 0.05, '× better-sse'),
    atMost('CPU per delivery, burst', ratio(burst, cpu, 'floor'), 1.3, '× floor'),
    atMost(
      `CPU per delivery, ${scale.many} connections`,
      over(many.rivulet, ({ full }) => cpu(full)) / once,
      1.3,
      `× ${scale.connections}`,
    ),
    atMost(
      'the same at one event per 100 ms',
      over(many.rivulet, ({ paced }) => cpu(paced)) / once,
      1.3,
      `× ${scale.connections}`,
    ),
    atMost('heap per idle connection', ratio(many, heap, 'floor'), 0.7, '× floor'),
    atMost('RSS per idle connection', ratio(many, rss, 'better-sse'), 0.6, '× better-sse'),
    atMost(
      'growth by stalled clients',
      over(stalled.rivulet, growth) / mib,
      (scale.stalled * highWaterMarkBytes) / mib,
      'MiB',
    ),
    atMost(
      "others' p99 beside stalled clients",
      over(stalled.rivulet, ({ p99, p99Alone }) => (p99 ?? Number.POSITIVE_INFINITY) / p99Alone),
      1.2,
      '× alone',
    ),
  ]
}

export function printResults({ scale, steady, burst, many, stalled }: ServerResults): void {
  printDeliveries(`Steady: ${scale.connections} connections, 1 event per 10 ms`, steady)
  printDeliveries(`Burst: ${scale.connections} connections, 50 events per 10 ms`, burst)
  printDeliveries(
    `${scale.many} connections, 1 event per 100 ms`,
    mapRuns(many, ({ paced }) => paced),
  )
  printDeliveries(
    `${scale.many} connections, 1 event per 10 ms`,
    mapRuns(many, ({ full }) => full),
  )
  printTable(
    `Memory per idle connection, ${scale.many} connections`,
    ['', 'heap KiB', '× floor', 'RSS KiB', '× better-sse'],
    subjects.map((subject) => [
      subject,
      over(many[subject], heap) / kib,
      over(many[subject], heap) / over(many.floor, heap),
      over(many[subject], rss) / kib,
      over(many[subject], rss) / over(many['better-sse'], rss),
    ]),
  )
  printTable(
    `${scale.stalled} clients that never read, beside ${readers} that do`,
    ['', 'published MB', 'growth MiB', "others' p99 ms", 'p99 alone ms'],
    subjects.map((subject) => {
      const runs = stalled[subject]
      const capped = runs.some((run) => run.capped)
      return [
        subject,
        `${number(over(runs, ({ publishedBytes }) => publishedBytes) / 1e6)}${capped ? ' (ended)' : ''}`,
        `${capped ? '> ' : ''}${number(over(runs, growth) / mib)}`,
        over(runs, ({ p99 }) => p99 ?? Number.NaN),
        over(runs, ({ p99Alone }) => p99Alone),
      ]
    }),
  )
}

function printDeliveries(title: string, results: Runs<Measurement>): void {
  printTable(
    title,
    ['', 'CPU µs/delivery', 'from', 'to', '× better-sse', '× floor', 'p50 ms', 'p99 ms', 'deliveries', 'load busy'],
    subjects.map((subject) => {
      const runs = results[subject]
      const costs = runs.map(cpu)
      return [
        subject,
        median(costs),
        Math.min(...costs),
        Math.max(...costs),
        median(costs) / over(results['better-sse'], cpu),
        median(costs) / over(results.floor, cpu),
        over(runs, ({ p50 }) => p50),
        over(runs, ({ p99 }) => p99),
        runs.reduce((sum, run) => sum + run.deliveries, 0).toLocaleString('en-US'),
        `${Math.round(100 * over(runs, ({ loadBusy }) => loadBusy))} %`,
      ]
    }),
  )
}

function mapRuns<From, To>(runs: Runs<From>, value: (result: From) => To): Runs<To> {
  return Object.fromEntries(subjects.map((subject) => [subject, runs[subject].map(value)])) as Record<SubjectName, To[]>
}
