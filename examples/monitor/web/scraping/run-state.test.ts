import { expect, it } from 'vitest'
import { run } from '../testing.js'
import { describeRun, runState } from './run-state.js'

it('tracks the state of a run', () => {
  expect(runState(undefined, 5_000)).toBe('idle')
  expect(runState(run(), undefined)).toBe('running')
  expect(runState(run(), 500)).toBe('running')
  expect(runState(run({ status: 'error' }), 500)).toBe('running')
  expect(runState(run(), 5_000)).toBe('interrupted')
  expect(runState(run({ status: 'completed' }), 5_000)).toBe('completed')
})

it('describes it in one line', () => {
  expect(describeRun(run(), 'running')).toBe('1 of 2 sources')
  expect(describeRun(run(), 'interrupted')).toBe('Interrupted: the server restarted')
  const sources = run().sources.map((source, index) => ({ ...source, status: index ? 'error' : 'completed' }) as const)
  expect(describeRun(run({ sources }), 'completed')).toBe('Completed: 2 sources, 1 failed')
})
