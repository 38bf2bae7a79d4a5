import { describe, expect, test } from 'vitest'
import { type Place, SharedLog } from './shared-log.js'

/** A log with items of these places, each with an ID that tells its place. */
function log(...places: Place[]): SharedLog {
  const result = new SharedLog()
  for (const place of places) result.add({ place, id: place.join('.') })
  return result
}

const after = (of: SharedLog, place: Place) => of.after(place)?.map(({ id }) => id)

describe('what came after a place', () => {
  test('is nothing at the end, and everything from there before it', () => {
    const current = log([5, 1], [5, 2], [5, 3])
    expect(after(current, [5, 3])).toEqual([])
    expect(after(current, [5, 1])).toEqual(['5.2', '5.3'])
    expect(after(current, [5, 0])).toEqual(['5.1', '5.2', '5.3'])
  })

  test('goes on over the terms of several leaders', () => {
    const current = log([5, 1], [5, 2], [9, 1], [9, 2])
    expect(after(current, [5, 1])).toEqual(['5.2', '9.1', '9.2'])
    expect(after(current, [5, 2])).toEqual(['9.1', '9.2'])
    expect(after(current, [9, 1])).toEqual(['9.2'])
  })

  test('is the current term for who has seen more of the one before than this tab', () => {
    const current = log([5, 1], [9, 1], [9, 2])
    expect(after(current, [5, 4])).toEqual(['9.1', '9.2'])
    current.moveTo([12, 0])
    expect(after(current, [9, 7])).toEqual([])
  })

  test('is unknown where items are missing', () => {
    expect(after(log([5, 7], [5, 8]), [5, 3])).toBeUndefined()
    expect(after(log([5, 7], [5, 8]), [5, 6])).toEqual(['5.7', '5.8'])
    expect(after(log([5, 7]), [4, 2])).toBeUndefined()
    expect(after(log([5, 1], [9, 2]), [5, 1])).toBeUndefined()
  })

  test('is bounded by number and by size', () => {
    const many = log(...Array.from({ length: 1_500 }, (_, i): Place => [1, i + 1]))
    expect(after(many, [1, 499])).toBeUndefined()
    expect(after(many, [1, 500])).toHaveLength(1_000)
    const large = new SharedLog()
    const message = { event: 'e', data: 'x'.repeat(1_000_000), lastEventId: '' }
    for (let i = 1; i <= 10; i++) large.add({ place: [1, i], message })
    expect(large.after([1, 6])).toHaveLength(4)
    expect(large.after([1, 5])).toBeUndefined()
  })
})

test('what came after an event is found by the last item with its ID', () => {
  const current = log([5, 1], [5, 2])
  current.add({ place: [5, 3], id: '5.1' })
  current.add({ place: [5, 4], id: 'end' })
  expect(current.afterId('5.1')?.map(({ id }) => id)).toEqual(['end'])
  expect(current.afterId('end')).toEqual([])
  expect(current.afterId('other')).toBeUndefined()
})
