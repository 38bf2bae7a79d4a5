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
  test('is dead after a silence longer than its limit', () => {
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

  test('that has received no byte, or expects none, is never dead', () => {
    liveness.expect(1_000)
    clock.advance(10_000)
    liveness.touch()
    liveness.expect(0)
    clock.advance(1_000_000)
    expect(overdue).toEqual([])
    expect(liveness.overdueMs()).toBeUndefined()
  })

  test('is found dead within ten seconds after the machine wakes up', () => {
    liveness.touch()
    liveness.expect(65_000)
    clock.advance(1_000)
    clock.sleep(3_600_000)
    expect(liveness.overdueMs()).toBe(3_601_000)
    clock.advance(10_000)
    expect(overdue).toHaveLength(1)
  })

  test('is not dead because the clock was set, and still times out afterwards', () => {
    liveness.touch()
    liveness.expect(20_000)
    clock.sleep(-3_600_000)
    expect(liveness.overdueMs()).toBeUndefined()
    clock.advance(20_000)
    expect(overdue).toHaveLength(1)
  })

  test('is not dead while reading is paused', () => {
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

test('uses one timer no matter how much arrives, and none when stopped', () => {
  liveness.touch()
  liveness.expect(20_000)
  for (let i = 0; i < 100; i++) liveness.touch()
  liveness.expect(30_000)
  expect(clock.pending).toEqual([10_000])
  liveness.stop()
  expect(clock.pending).toEqual([])
})
