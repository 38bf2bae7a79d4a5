import { expect, it } from 'vitest'
import { collapse, type Notice } from './notices.js'

const notice = (timestamp: number, message: string): Notice => ({
  id: String(timestamp),
  severity: 'problem',
  message,
  timestamp,
})

it('makes one notice of equal ones, with their number and the time of the latest, newest first', () => {
  const notices = [notice(1, 'A request failed.'), notice(2, 'Started.'), notice(3, 'A request failed.')]
  expect(collapse(notices).map(({ message, count, timestamp }) => [message, count, timestamp])).toEqual([
    ['A request failed.', 2, 3],
    ['Started.', 1, 2],
  ])
})

it('keeps notices of different severity apart', () => {
  const notices: Notice[] = [notice(1, 'Over.'), { ...notice(2, 'Over.'), severity: 'good' }]
  expect(collapse(notices).map(({ severity, count }) => [severity, count])).toEqual([
    ['good', 1],
    ['problem', 1],
  ])
})
