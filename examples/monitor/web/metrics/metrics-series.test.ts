import { expect, it } from 'vitest'
import { sample } from '../testing.js'
import { toSeries } from './metrics-series.js'

it('makes columns of seconds and values', () => {
  const samples = [sample(1_000, { rssBytes: 10, heapUsedBytes: 7 }), sample(2_000, { rssBytes: 11, heapUsedBytes: 8 })]
  expect(toSeries(samples, [({ rssBytes }) => rssBytes, ({ heapUsedBytes }) => heapUsedBytes])).toEqual([
    [1, 2],
    [10, 11],
    [7, 8],
  ])
})

it('breaks the line where samples are missing, but not where one is late', () => {
  const samples = [sample(1_000), sample(3_900), sample(60_000)]
  expect(toSeries(samples, [({ connections }) => connections])).toEqual([
    [1, 3.9, 3.901, 60],
    [1, 1, null, 1],
  ])
})

it('is empty without samples', () => {
  expect(toSeries([], [({ connections }) => connections])).toEqual([[], []])
})
