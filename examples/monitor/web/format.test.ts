import { expect, it } from 'vitest'
import { formatAmount, formatDuration, formatQuantity, formatTime, formatTimeMs, formatUptime } from './format.js'

it.each([
  [formatDuration, 0, '0 ms'],
  [formatDuration, 999.4, '999 ms'],
  [formatDuration, 4_120, '4.1 s'],
  [formatDuration, 59_949, '59.9 s'],
  [formatDuration, 59_960, '1 min 0 s'],
  [formatDuration, 125_000, '2 min 5 s'],
  [formatUptime, 59.9, '59 s'],
  [formatUptime, 3_599, '59 min'],
  [formatUptime, 12_000, '3 h 20 min'],
  [formatUptime, 190_000, '2 d 4 h'],
  [formatAmount, 0, '0'],
  [formatAmount, 3, '3'],
  [formatAmount, 3.14, '3.1'],
  [formatAmount, 12.7, '13'],
])('%o %d → %s', (format, value, expected) => {
  expect(format(value)).toBe(expected)
})

it('writes times on the 24-hour clock', () => {
  const at = new Date(2026, 0, 2, 14, 5, 9, 120).getTime()
  expect(formatTime(at)).toBe('14:05:09')
  expect(formatTimeMs(at)).toBe('14:05:09.120')
})

it.each([
  [4, '', '4'],
  [12.3, '/s', '12/s'],
  [3.14, 'ms', '3.1\u00a0ms'],
])('writes %d with the unit "%s"', (value, unit, expected) => {
  expect(formatQuantity(value, unit)).toBe(expected)
})
