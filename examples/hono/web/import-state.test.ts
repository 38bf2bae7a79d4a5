import { expect, it } from 'vitest'
import type { ImportEvent } from '../shared/events.ts'
import { doneOf, reduce, unknown } from './import-state.ts'

const base = { id: '1', timestamp: 0, source: 'test' }
const started: ImportEvent = { ...base, type: 'started', name: 'a.csv', rows: 3 }
const accepted: ImportEvent = { ...base, type: 'row', line: 2, email: 'a@example.com' }
const rejected: ImportEvent = { ...base, type: 'row', line: 3, email: 'b', rejected: 'not valid' }
const finished: ImportEvent = { ...base, type: 'finished', outcome: 'completed', durationMs: 5 }

it('counts the accepted and the refused rows', () => {
  const state = [started, accepted, rejected, accepted, finished].reduce(reduce, unknown)
  expect(state).toEqual({ rows: 3, accepted: 2, rejected: [rejected], last: accepted, finished })
  expect(doneOf(state)).toBe(3)
})
