import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe('a slow connection', () => {
  it('is told of each gap at its place, even if the log had already lost its events', async () => {
    const { manager, connect, calm, clock } = createHarness({
      events,
      retention: { maxAgeMs: 1_000 },
      heartbeat: false,
      limits: { highWaterMarkBytes: 1_000 },
    })
    const client = await connect()
    const take = client.sink.take.bind(client.sink)
    client.sink.take = () => {}
    let published = 0
    const publish = async (count: number) => {
      for (const end = published + count; published < end; published++) {
        await manager.publish('log', { message: `${published} ${'x'.repeat(400)}` })
        if (published % 10 === 0) await calm()
      }
      await calm()
    }
    await publish(400)
    clock.advance(2_000)
    // It takes its buffer, gets a part of the queue, and is congested again.
    take(Infinity)
    await calm()
    await publish(400)
    client.sink.take = take
    await calm()
    expect(manager.connections.size).toBe(1)
    let last = -1
    let announced = false
    let holes = 0
    for (const { event, data } of client.messages) {
      if (event === 'rivulet:gap') announced = true
      if (event !== 'log') continue
      const number = Number.parseInt(JSON.parse(data).message, 10)
      if (number !== last + 1) {
        expect([last, number, announced]).toEqual([last, number, true])
        holes++
      }
      last = number
      announced = false
    }
    expect([holes, last]).toEqual([2, 799])
  })
})
