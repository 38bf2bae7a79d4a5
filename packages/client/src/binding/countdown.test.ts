import { expect, it } from 'vitest'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import { observeCountdown, secondsUntil } from './countdown.js'

it('rounds seconds up, and ends at 0', () => {
  const clock = new FakeClock(10_000)
  expect([10_001, 11_000, 11_001, 10_000, 1].map((until) => secondsUntil(clock, until))).toEqual([1, 1, 2, 0, 0])
})

it('calls back once for each remaining second, and then stops', () => {
  const clock = new FakeClock(10_000)
  const until = 12_500
  const seen: number[] = []
  observeCountdown(clock, until, () => seen.push(secondsUntil(clock, until)))
  clock.advance(500)
  expect(seen).toEqual([2])
  clock.advance(10_000)
  expect(seen).toEqual([2, 1, 0])
  expect(clock.timers).toBe(0)
})

it('stops when told to', () => {
  const clock = new FakeClock(10_000)
  let calls = 0
  const stop = observeCountdown(clock, 15_000, () => calls++)
  clock.advance(1_000)
  stop()
  clock.advance(10_000)
  expect(calls).toBe(1)
  expect(clock.timers).toBe(0)
})
