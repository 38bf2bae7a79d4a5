import { expect, it } from 'vitest'
import { MetricsService } from './metrics-service.js'
import { recordingEmit } from './testing.js'

function setup() {
  const { emit, emitted } = recordingEmit()
  const at = { now: 1_000, connections: 0, deliveries: 500 }
  const seen: number[] = []
  const metrics = new MetricsService({
    emit,
    now: () => at.now,
    stats: () => ({ connections: at.connections, deliveries: at.deliveries }),
    takeDelays: () => ({ p99Ms: 12.5, maxMs: 30 }),
    onDelays: ({ p99Ms }) => seen.push(p99Ms),
    intervalMs: 2 ** 30,
  })
  metrics.start()
  metrics.stop()
  return { metrics, emitted, at, seen }
}

it('publishes a sample of the measurements', () => {
  const { metrics, emitted, at, seen } = setup()
  Object.assign(at, { now: 2_000, connections: 3, deliveries: 560 })
  metrics.sample()
  expect(emitted).toEqual([
    {
      type: 'metrics',
      payload: {
        connections: 3,
        deliveriesPerSecond: 60,
        eventLoopDelayP99Ms: 12.5,
        eventLoopDelayMaxMs: 30,
        rssBytes: expect.any(Number),
        heapUsedBytes: expect.any(Number),
        uptimeSeconds: expect.any(Number),
      },
    },
  ])
  expect(seen).toEqual([12.5])
})

it('computes the rate of deliveries from the time that really passed', () => {
  const { metrics, emitted, at } = setup()
  Object.assign(at, { now: 2_000, deliveries: 600 })
  metrics.sample()
  Object.assign(at, { now: 6_000, deliveries: 620 })
  metrics.sample()
  metrics.sample()
  expect(emitted.map(({ payload }) => payload.deliveriesPerSecond)).toEqual([100, 5, 0])
})
