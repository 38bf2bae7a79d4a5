import { describe, expect, test } from 'vitest'
import { type Place, SharedLog } from './shared-log.js'

/** Makes a log with items at these places. The ID of each contains its place. */
function log(...places: Place[]): SharedLog {
  const result = new SharedLog()
  for (const place of places) result.add({ place, id: place.join('.') })
  return result
}

const since = (of: SharedLog, place: Place) => of.since(place)?.map(({ id }) => id)
const sinceId = (of: SharedLog, id: string) => of.sinceId(id)?.map(({ id }) => id)

describe('the items since a place', () => {
  test('are none at the end, and all from there before it', () => {
    const current = log([5, 1], [5, 2], [5, 3])
    expect(since(current, [5, 3])).toEqual([])
    expect(since(current, [5, 1])).toEqual(['5.2', '5.3'])
  })

  test('continue across the terms of several leaders', () => {
    const current = log([5, 1], [5, 2], [9, 1], [9, 2])
    expect(since(current, [5, 1])).toEqual(['5.2', '9.1', '9.2'])
    expect(since(current, [5, 2])).toEqual(['9.1', '9.2'])
    expect(since(current, [9, 2])).toEqual([])
  })

  test('are unknown if the place is not in the log', () => {
    expect(since(log([5, 7], [5, 8]), [5, 3])).toBeUndefined()
    expect(since(log([5, 1], [9, 1]), [5, 4])).toBeUndefined()
    expect(since(new SharedLog(), [0, 0])).toBeUndefined()
  })

  test('are known if the log was restarted', () => {
    const current = log([5, 1])
    current.restart([7, 4], 'x')
    expect(since(current, [5, 1])).toBeUndefined()
    expect(since(current, [7, 4])).toEqual([])
    current.add({ place: [7, 5], id: '7.5' })
    expect(since(current, [7, 4])).toEqual(['7.5'])
  })
})

describe('the items since an event', () => {
  test('follow the last one with its ID', () => {
    const current = log([5, 1], [5, 2])
    current.add({ place: [5, 3], id: '5.1' })
    current.add({ place: [5, 4], id: 'end' })
    expect(sinceId(current, '5.1')).toEqual(['end'])
    expect(sinceId(current, 'end')).toEqual([])
    expect(sinceId(current, 'other')).toBeUndefined()
    expect(sinceId(current, '')).toBeUndefined()
  })

  test('also follow the event before the first item', () => {
    const current = new SharedLog()
    current.restart([7, 4], 'x')
    expect(current.lastId).toBe('x')
    current.add({ place: [7, 5] })
    expect(sinceId(current, 'x')).toEqual([undefined])
  })
})

describe('the log is bounded', () => {
  test('by number', () => {
    const many = log(...Array.from({ length: 1_500 }, (_, i): Place => [1, i + 1]))
    expect(many).toMatchObject({ start: 500, end: 1_500, lastId: '1.1500' })
    expect(many.at(499)).toBeUndefined()
    expect(many.at(500)?.id).toBe('1.501')
    expect(many.since([1, 499])).toBeUndefined()
    expect(many.since([1, 500])).toHaveLength(1_000)
    expect(many.ordinalAfter('1.500')).toBe(500)
  })

  test('by size', () => {
    const large = new SharedLog()
    const message = { event: 'e', data: 'x'.repeat(1_000_000), lastEventId: '' }
    for (let i = 1; i <= 10; i++) large.add({ place: [1, i], message })
    expect(large).toMatchObject({ start: 6, end: 10 })
    for (let i = 11; i <= 15; i++) large.add({ place: [1, i] })
    expect(large).toMatchObject({ start: 6, end: 15 })
  })
})

test('a restarted log tells a reader that it misses something', () => {
  const current = log([5, 1], [5, 2])
  const { end } = current
  current.restart([7, 4], 'x')
  expect(current.start).toBeGreaterThan(end)
})

test('a log is blank until something is received', () => {
  const current = new SharedLog()
  current.add({ place: [5, 1] })
  expect(current.isBlank).toBe(true)
  for (const item of [
    { id: 'x' },
    { message: { event: 'tick', data: '', lastEventId: '' } },
    { gap: { type: 'rivulet:gap', reason: 'lagged' } },
  ] as const) {
    current.add({ place: [5, 2], ...item })
    expect(current.isBlank).toBe(false)
    current.restart([7, 1], '')
    expect(current.isBlank).toBe(false)
    current.restart([0, 0], '')
    expect(current.isBlank).toBe(true)
  }
})
