import { expect, it } from 'vitest'
import { outage, systemEvent } from '../testing.js'
import { toNotices } from './notices.js'

it('merges the notices of the server and of the page, newest first', () => {
  const notices = toNotices(
    [systemEvent(1_000, 'server_start'), systemEvent(9_000, 'server_error', 'GET /x failed: broken')],
    [outage(2, { backAt: 5_000, complete: true }), outage(6), outage(7, { backAt: 8_000, complete: false })],
  )
  expect(notices.map(({ title, tone }) => `${title} ${tone}`)).toEqual([
    'Server error error',
    'Gap warning',
    'Connection lost error',
    'Connection back notice',
    'Server start good',
  ])
  expect(notices[0]!.text).toBe('GET /x failed: broken')
})

it('makes one notice of equal ones, with their number and the time of the latest', () => {
  const failed = (at: number) => systemEvent(at, 'server_error', 'GET /x failed: broken')
  const notices = toNotices([failed(1_000), systemEvent(2_000, 'server_start'), failed(3_000), failed(4_000)], [])
  expect(notices.map(({ title, count, at }) => [title, count, at])).toEqual([
    ['Server error', 3, 4_000],
    ['Server start', 1, 2_000],
  ])
})
