import { expect, it } from 'vitest'
import { roundUp, spanSeconds } from './scale.js'

it.each([
  [4, 4],
  [4.1, 5],
  [10, 10],
  [83, 100],
  [101, 150],
  [0.25, 0.3],
])('rounds %d up to %d', (value, top) => {
  expect(roundUp(value)).toBe(top)
})

it.each([
  [[], 60],
  [[100], 60],
  [[100, 160], 60],
  [[100, 161], 120],
  [[100, 250, 900], 300],
])('spans %j with %d seconds', (times, span) => {
  expect(spanSeconds(times)).toBe(span)
})
