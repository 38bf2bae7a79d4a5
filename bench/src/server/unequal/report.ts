import { atMost, type Budget } from '../../report/budget.js'
import { median } from '../../report/statistics.js'
import { number, printTable } from '../../report/table.js'
import {
  type Fairness,
  type Joining,
  type Joins,
  type LargeEvent,
  largeEventBytes,
  type UnequalScale,
} from './scenarios.js'

export const peers = ['rivulet', 'bare'] as const
export type PeerName = (typeof peers)[number]
type Runs<Result> = Readonly<Record<PeerName, readonly Result[]>>

export interface UnequalResults {
  readonly scale: UnequalScale
  readonly fairness: Runs<Fairness>
  readonly large: Runs<LargeEvent>
  readonly joins: Runs<Joins>
}

const over = <Result>(runs: readonly Result[], value: (result: Result) => number) => median(runs.map(value))
const growth = ({ growth: bytes }: LargeEvent) => bytes / largeEventBytes
const cpu = ({ cpuMicrosPerJoin }: Joining) => cpuMicrosPerJoin
const stall = ({ longestStall }: Joining) => longestStall

export function judgeUnequal({ fairness, large, joins }: UnequalResults): Budget[] {
  const { rivulet, bare } = whenWarm(joins)
  return [
    atMost(
      "a quiet client's p99 beside a busy channel",
      over(fairness.rivulet, ({ p99 }) => p99),
      50,
      'ms',
    ),
    atMost('the latest of its events', Math.max(...fairness.rivulet.map(({ worst }) => worst)), 200, 'ms'),
    atMost('growth by a large event', over(large.rivulet, growth), 1.3, '× the event'),
    atMost('CPU per join with 100 events', over(rivulet, cpu) / over(bare, cpu), 1.3, '× bare'),
    atMost(`longest stall while streams join (bare: ${number(over(bare, stall))})`, over(rivulet, stall), 60, 'ms'),
  ]
}

export function printUnequal({ scale, fairness, large, joins }: UnequalResults): void {
  printTable(
    `One quiet client beside ${scale.busy} of a channel with an event per 5 ms`,
    ['', 'p50 ms', 'p99 ms', 'worst ms', 'events'],
    peers.map((peer) => [
      peer,
      over(fairness[peer], ({ p50 }) => p50),
      over(fairness[peer], ({ p99 }) => p99),
      Math.max(...fairness[peer].map(({ worst }) => worst)),
      over(fairness[peer], ({ events }) => events),
    ]),
  )
  printTable(
    `One event of 9 MiB, ${scale.stalled} clients that do not read`,
    ['', 'growth, × the event'],
    peers.map((peer) => [peer, over(large[peer], growth)]),
  )
  printJoins(`${scale.joins} streams join, with 100 events each`, whenWarm(joins))
  printJoins('The same, directly after the start of the server', {
    rivulet: joins.rivulet.map(({ cold }) => cold),
    bare: joins.bare.map(({ cold }) => cold),
  })
}

function whenWarm({ rivulet, bare }: Runs<Joins>): Runs<Joining> {
  return { rivulet: rivulet.map(({ warm }) => warm), bare: bare.map(({ warm }) => warm) }
}

function printJoins(title: string, joins: Runs<Joining>): void {
  printTable(
    title,
    ['', 'CPU µs/join', '× bare', 'longest stall ms'],
    peers.map((peer) => [
      peer,
      over(joins[peer], cpu),
      over(joins[peer], cpu) / over(joins.bare, cpu),
      over(joins[peer], stall),
    ]),
  )
}
