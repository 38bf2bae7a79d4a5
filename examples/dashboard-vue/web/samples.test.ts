import { expect, it } from 'vitest'
import type { MetricsEvent } from '../shared/events.js'
import { pointsOf } from './samples.js'

const sample = (timestamp: number, cpuPercent: number) => ({ timestamp, cpuPercent }) as MetricsEvent

it('leaves a hole where samples are missing', () => {
  const samples = [sample(1_000, 1), sample(2_000, 2), sample(9_000, 3), sample(10_000, 4)]
  expect(pointsOf(samples, ({ cpuPercent }) => cpuPercent)).toEqual([
    { x: 1_000, y: 1 },
    { x: 2_000, y: 2 },
    { x: 2_001, y: null },
    { x: 9_000, y: 3 },
    { x: 10_000, y: 4 },
  ])
})
