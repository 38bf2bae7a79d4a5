import { expect, it } from 'vitest'
import type { ImportEvent } from '../shared/events.ts'
import { doneOf, reduce, unknown } from './import-state.ts'

const base = { id: '1', source: 'test' }
const started: ImportEvent = { ...base, timestamp: 100, type: 'started', name: 'a.csv', rows: 3 }
const accepted: ImportEvent = { ...base, timestamp: 150, type: 'row', line: 2, email: 'a@example.com' }
const rejected: ImportEvent = { ...base, timestamp: 250, type: 'row', line: 3, email: 'b', rejected: 'not valid' }

it('counts the accepted and the refused rows', () => {
  const state = [started, accepted, rejected, accepted, rejected].reduce(reduce, unknown)
  expect(state).toMatchObject({ name: 'a.csv', rows: 3, accepted: 2, rejected: [rejected, rejected], last: rejected })
  expect([doneOf(state), state.durationMs]).toEqual([4, 150])
})
