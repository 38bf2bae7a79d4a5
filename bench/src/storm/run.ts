import { retryDelay, retryPolicy } from '../../../packages/client/src/connection/retry-policy.js'
import { atMost, printBudgets } from '../report/budget.js'
import { writeResults } from '../report/results.js'
import { printTable } from '../report/table.js'
import { type Course, type Policy, type Scene, simulate } from './simulate.js'

const options = retryPolicy()

/** Our clients, after the server sent this many milliseconds as `retry:`. */
function ours(serverRetryMs: number): Policy {
  return { delayMs: (attempt, random) => retryDelay(options, { attempt, serverRetryMs, random }) }
}

/** A native EventSource if the server sends no `retry:`. Networks and timers spread it a little. */
const fixed: Policy = { delayMs: (_attempt, random) => 3_000 + random * 300 }

/** With this value, the first retries take as long as the servers need to accept them all: half of it is jitter. */
function wideRetryMs({ clients, acceptPerSecond }: Pick<Scene, 'clients' | 'acceptPerSecond'>): number {
  return (2_000 * clients) / acceptPerSecond
}

export interface StormCourse extends Course {
  readonly policy: 'rivulet' | 'rivulet, wide retryMs' | 'fixed 3 s'
  /** Value of `retry:`. */
  readonly retryMs: number | undefined
  readonly acceptPerSecond: number
}

/** Effect of a million clients on their servers when all lose their connections at once. A simulation without a network. */
export function runStorm({ quick }: { quick: boolean }): void {
  const clients = quick ? 100_000 : 1_000_000
  const courses = [0.02, 0.05].flatMap((part): StormCourse[] => {
    const scene: Scene = { clients, downMs: 10_000, seed: 1, acceptPerSecond: part * clients }
    const { acceptPerSecond } = scene
    const retryMs = wideRetryMs(scene)
    return [
      { policy: 'rivulet', retryMs: 2_000, acceptPerSecond, ...simulate(scene, ours(2_000)) },
      { policy: 'rivulet, wide retryMs', retryMs, acceptPerSecond, ...simulate(scene, ours(retryMs)) },
      { policy: 'fixed 3 s', retryMs: undefined, acceptPerSecond, ...simulate(scene, fixed) },
    ]
  })
  printTable(
    `${clients.toLocaleString('en-US')} clients lose their servers, which are back after 10 s`,
    ['', 'retryMs', 'accepts/s', 'all back after s', 'attempts per client', 'most attempts/s since', 'after 1 min'],
    courses.map(({ policy, retryMs, acceptPerSecond, attempts, doneAfterSeconds }) => [
      policy,
      retryMs?.toLocaleString('en-US') ?? '–',
      acceptPerSecond.toLocaleString('en-US'),
      doneAfterSeconds === undefined ? 'never' : String(doneAfterSeconds),
      attempts.reduce((total, each) => total + (each ?? 0), 0) / clients,
      most(attempts, 10).toLocaleString('en-US'),
      most(attempts, 60).toLocaleString('en-US'),
    ]),
  )
  const budgets = courses
    .filter(({ policy }) => policy === 'rivulet, wide retryMs')
    .map(({ attempts, acceptPerSecond }) =>
      atMost(
        `most attempts/s with a wide retryMs, ${acceptPerSecond.toLocaleString('en-US')} accepted`,
        most(attempts, 0) / acceptPerSecond,
        1.05,
        '× what the servers accept',
      ),
    )
  printBudgets(budgets)
  writeResults<StormCourse[]>('storm', quick, courses, budgets)
}

function most(attempts: readonly number[], fromSecond: number): number {
  return Math.max(0, ...attempts.slice(fromSecond).filter(Boolean))
}
