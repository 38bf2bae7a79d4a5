import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { SimulatedClock, SimulatedSink } from '../../test/simulation.js'
import { StallWatch, type Watched } from './stall-watch.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe('a stalled connection', () => {
  it('is cut after the timeout, unless it reads a little', async () => {
    const { manager, connect, clock, calm } = createHarness({
      events,
      heartbeat: false,
      limits: { stallTimeoutMs: 8_000 },
    })
    const [stalled, slow] = [await connect(), await connect()]
    stalled.sink.take = () => {}
    const take = slow.sink.take.bind(slow.sink)
    slow.sink.take = () => {}
    await manager.publish('log', { message: 'x'.repeat(100_000) })
    await calm()
    for (let second = 0; second < 7; second++) {
      clock.advance(1_000)
      take(100)
    }
    expect(stalled.sink.closed).toBe(false)
    for (let second = 0; second < 20; second++) {
      clock.advance(1_000)
      take(100)
    }
    await calm()
    expect([stalled.sink.closed, slow.sink.closed]).toEqual([true, false])
    expect(manager.stats()).toMatchObject({ stalled: 1, connections: 1 })
  })

  it('is cut if it does not even take its history', async () => {
    const { manager, clock, calm } = createHarness({ events, limits: { stallTimeoutMs: 8_000 } })
    await manager.publish('log', { message: 'x'.repeat(15_000) })
    const sink = new SimulatedSink(clock, 10_000)
    await manager.connect({ raw: undefined, lastEventId: undefined }, sink, { replay: 1 })
    expect(sink.bufferedBytes).toBeGreaterThan(0)
    clock.advance(9_000)
    await calm()
    expect(sink.closed).toBe(true)
    expect(manager.stats()).toMatchObject({ stalled: 1, connections: 0 })
  })
})

it('keeps one timer, even if a stall listener begins to watch another connection', () => {
  const clock = new SimulatedClock(() => 0.5)
  const watch = new StallWatch(clock, 8_000)
  const connection = (): Watched => ({
    bytesQueued: 100,
    bufferedBytes: 100,
    onStall() {
      watch.delete(this)
      watch.add(connection())
    },
  })
  watch.add(connection())
  clock.advance(8_000)
  expect(clock.timers).toBe(1)
})
