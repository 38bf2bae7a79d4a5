import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { EventLoopMeter } from './event-loop-meter.js'

async function holdUp(durationMs: number): Promise<void> {
  const until = performance.now() + durationMs
  while (performance.now() < until) {
    // Blocks the loop.
  }
  await turn()
  await turn()
}

it('measures a loop that is delayed between two readings', async () => {
  const meter = new EventLoopMeter()
  meter.start()
  const samples = []
  for (let reading = 0; reading < 4; reading++) {
    await holdUp(60)
    samples.push(meter.take())
  }
  meter.stop()
  const { maxMs, p99Ms } = samples.at(-1)!
  expect(maxMs).toBeGreaterThan(40)
  expect(p99Ms).toBeGreaterThan(40)
  expect(p99Ms).toBeLessThanOrEqual(maxMs)
})

it('forgets the delays that it has reported', async () => {
  const meter = new EventLoopMeter()
  meter.start()
  for (let round = 0; round < 3; round++) await holdUp(60)
  meter.take()
  meter.take()
  expect(meter.take()).toEqual({ p99Ms: 0, maxMs: 0 })
  meter.stop()
})
