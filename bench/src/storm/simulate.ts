import { randomFrom } from '../../../test-support/random.js'

/** Delay of a client before an attempt. */
export interface Policy {
  /** @param attempt Number of consecutive retries, from 1. @param random From 0 up to, not including, 1. */
  delayMs(attempt: number, random: number): number
}

export interface Scene {
  readonly clients: number
  /** Time for which nothing answers after all connections are lost at once. */
  readonly downMs: number
  /** Number of connections per second that the servers can accept. Others fail. */
  readonly acceptPerSecond: number
  readonly seed: number
}

export interface Course {
  /** Attempts in each second since all connections were lost. */
  readonly attempts: number[]
  /** Accepted attempts among these. */
  readonly accepted: number[]
  /** Time at which the last client was connected; `undefined` if that takes longer than the simulation. */
  readonly doneAfterSeconds: number | undefined
}

/** Steps in which the capacity of a second is used: a burst of a tenth of it is refused. */
const stepMs = 100
const longestSeconds = 600

/** Simulates a server that all its clients lose at one moment, and their return by a policy. */
export function simulate({ clients, downMs, acceptPerSecond, seed }: Scene, policy: Policy): Course {
  const random = randomFrom(seed)
  /** Clients by the step of their next attempt, as the number of that attempt. */
  const steps: number[][] = []
  const come = (atMs: number, attempt: number): void => {
    const step = Math.floor(atMs / stepMs)
    steps[step] ??= []
    steps[step]!.push(attempt)
  }
  for (let client = 0; client < clients; client++) come(policy.delayMs(1, random()), 1)

  const attempts: number[] = []
  const accepted: number[] = []
  let connected = 0
  for (let step = 0; connected < clients && step * stepMs < longestSeconds * 1_000; step++) {
    const nowMs = step * stepMs
    const arrived = steps[step] ?? []
    delete steps[step]
    const room = nowMs < downMs ? 0 : Math.floor((acceptPerSecond * stepMs) / 1_000)
    // Waiting longest gives no priority: acceptance is random.
    shuffle(arrived, random)
    const second = Math.floor(nowMs / 1_000)
    attempts[second] = (attempts[second] ?? 0) + arrived.length
    accepted[second] = (accepted[second] ?? 0) + Math.min(room, arrived.length)
    connected += Math.min(room, arrived.length)
    for (const attempt of arrived.slice(room))
      come(nowMs + stepMs / 2 + policy.delayMs(attempt + 1, random()), attempt + 1)
  }
  return { attempts, accepted, doneAfterSeconds: connected === clients ? attempts.length : undefined }
}

function shuffle(list: number[], random: () => number): void {
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[list[last], list[other]] = [list[other]!, list[last]!]
  }
}
