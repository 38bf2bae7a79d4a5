import { beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import { createLiveness, type Liveness } from './liveness.js'

let clock: FakeClock
let overdue: number[]
let liveness: Liveness

beforeEach(() => {
  clock = new FakeClock()
  overdue = []
  liveness = createLiveness(clock, (idleMs) => overdue.push(idleMs))
})

describe('a connection', () => {
  test('is dead after so long without a byte', () => {
    liveness.touch()
    liveness.expect(65_000)
    clock.advance(60_000)
    liveness.touch()
    clock.advance(64_999)
    expect(overdue).toEqual([])
    clock.advance(1)
    expect(overdue).toEqual([65_000])
    expect(clock.pending).toEqual([])
  })

  test('that never got a byte, or of which nothing is expected, never is', () => {
    liveness.expect(1_000)
    clock.advance(10_000)
    liveness.touch()
    liveness.expect(0)
    clock.advance(1_000_000)
    expect(overdue).toEqual([])
    expect(liveness.overdueMs()).toBeUndefined()
  })

  test('is found dead within ten seconds of a machine’s waking up', () => {
    liveness.touch()
    liveness.expect(65_000)
    clock.advance(1_000)
    clock.sleep(3_600_000)
    expect(liveness.overdueMs()).toBe(3_601_000)
    clock.advance(10_000)
    expect(overdue).toHaveLength(1)
  })

  test('is not dead because the clock was set, and dies in its time after that', () => {
    liveness.touch()
    liveness.expect(20_000)
    clock.sleep(-3_600_000)
    expect(liveness.overdueMs()).toBeUndefined()
    clock.advance(20_000)
    expect(overdue).toHaveLength(1)
  })

  test('is not dead while nothing is read from it', () => {
    liveness.touch()
    liveness.expect(20_000)
    liveness.pause()
    clock.advance(100_000)
    expect(overdue).toEqual([])
    liveness.touch()
    clock.advance(19_999)
    expect(overdue).toEqual([])
    clock.advance(10_000)
    expect(overdue).toHaveLength(1)
  })
})

test('costs one timer however often something comes, and none when stopped', () => {
  liveness.touch()
  liveness.expect(20_000)
  for (let i = 0; i < 100; i++) liveness.touch()
  liveness.expect(30_000)
  expect(clock.pending).toEqual([10_000])
  liveness.stop()
  expect(clock.pending).toEqual([])
})
