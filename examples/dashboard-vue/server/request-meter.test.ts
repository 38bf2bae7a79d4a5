import { expect, it } from 'vitest'
import { percentile } from './request-meter.js'

it('takes the percentile of the measured durations', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1)
  expect([0, 0.5, 0.95, 1].map((part) => percentile(hundred, part))).toEqual([1, 50, 95, 100])
  expect(percentile([1.23456], 0.95)).toBe(1.23)
  expect(percentile([], 0.5)).toBe(0)
})
