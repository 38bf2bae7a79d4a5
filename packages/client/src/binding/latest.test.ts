import type { BaseEvent } from '@rivulet/core'
import { expect, it } from 'vitest'
import { Latest, lastOf, latestEvents } from './latest.js'

const event = (id: number): BaseEvent => ({ id: String(id), type: 'log', timestamp: 0, source: '' })
const ids = (events: readonly BaseEvent[]) => events.map(({ id }) => Number(id))

it('keeps the last events up to its limit, however many come between results', () => {
  const latest = new Latest(3)
  for (let id = 1; id <= 100; id++) latest.add(event(id))
  expect(ids(latest.result())).toEqual([98, 99, 100])
  latest.add(event(101))
  expect(ids(latest.result())).toEqual([99, 100, 101])
})

it('returns the same list until an event arrives, and never mutates a returned list', () => {
  const latest = new Latest(2)
  latest.add(event(1))
  const before = latest.result()
  expect(latest.result()).toBe(before)
  latest.add(event(2))
  latest.add(event(3))
  expect(ids(latest.result())).toEqual([2, 3])
  expect(ids(before)).toEqual([1])
})

it('keeps at least one, and resumes with another limit', () => {
  const latest = new Latest(0)
  latest.add(event(1))
  latest.add(event(2))
  expect(ids(latest.result())).toEqual([2])
  const resumed = latestEvents(2).resume(latest.result())
  resumed.add(event(3))
  expect(ids(resumed.result())).toEqual([2, 3])
  expect(ids(lastOf(resumed.result(), 1))).toEqual([3])
})
