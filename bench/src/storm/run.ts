import { retryDelay, retryPolicy } from '../../../packages/client/src/retry-policy.js'
import { writeResults } from '../report/results.js'
import { printTable } from '../report/table.js'
import { type Course, type Policy, type Scene, simulate } from './simulate.js'

const options = retryPolicy()

const policies: Record<string, Policy> = {
  rivulet: {
    // 2 s is what the server tells by `retry:`.
    delayMs: (attempt, random) => retryDelay(options, { attempt, serverRetryMs: 2_000, random }),
  },
  'fixed 3 s': {
    // What a native EventSource does where the server tells nothing. Networks and timers spread it a little.
    delayMs: (_attempt, random) => 3_000 + random * 300,
  },
}

export interface StormCourse extends Course {
  readonly policy: string
  readonly acceptPerSecond: number
}

/** What a million clients do to their servers when all of them lose their connections at once. No network: a simulation. */
export function runStorm({ quick }: { quick: boolean }): void {
  const scene: Omit<Scene, 'acceptPerSecond'> = { clients: quick ? 100_000 : 1_000_000, downMs: 10_000, seed: 1 }
  const courses: StormCourse[] = []
  for (const acceptPerSecond of [0.02, 0.05].map((part) => part * scene.clients)) {
    for (const [policy, each] of Object.entries(policies)) {
      courses.push({ policy, acceptPerSecond, ...simulate({ ...scene, acceptPerSecond }, each) })
    }
  }
  printTable(
    `${scene.clients.toLocaleString('en-US')} clients lose their servers, which are back after ${scene.downMs / 1_000} s`,
    ['', 'accepts/s', 'all back after s', 'attempts per client', 'most attempts/s after 1 min'],
    courses.map(({ policy, acceptPerSecond, attempts, doneAfterSeconds }) => [
      policy,
      acceptPerSecond.toLocaleString('en-US'),
      doneAfterSeconds === undefined ? 'never' : String(doneAfterSeconds),
      sum(attempts) / scene.clients,
      Math.max(0, ...attempts.slice(60).filter(Boolean)).toLocaleString('en-US'),
    ]),
  )
  writeResults<StormCourse[]>('storm', quick, courses, [])
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + (number ?? 0), 0)
}
