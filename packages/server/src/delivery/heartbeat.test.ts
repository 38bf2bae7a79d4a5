import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe('heartbeats', () => {
  it('leave no stream silent for longer than announced', async () => {
    const { connect, clock, calm } = createHarness({ events, heartbeat: { intervalMs: 10_000 } })
    const client = await connect()
    expect(JSON.parse(client.messages[0]!.data)).toMatchObject({ heartbeatMs: 10_000 })
    const at: number[] = [clock.now()]
    client.sink.onWrite = () => at.push(clock.now())
    for (let tick = 0; tick < 1_000; tick++) {
      clock.advance(100)
      await calm()
    }
    const silences = at.slice(1).map((time, index) => time - at[index]!)
    expect(silences.length).toBeGreaterThan(8)
    expect(Math.max(...silences)).toBeLessThanOrEqual(10_000)
    expect(Math.min(...silences)).toBeGreaterThanOrEqual(7_000)
    expect(client.comments.length).toBe(silences.length)
  })

  it('are not sent while events flow', async () => {
    const { manager, connect, clock, calm } = createHarness({ events, heartbeat: { intervalMs: 10_000 } })
    const client = await connect()
    for (let tick = 0; tick < 100; tick++) {
      clock.advance(5_000)
      await manager.publish('log', { message: '' })
      await calm()
    }
    expect(client.comments).toEqual([])
    expect(client.messages).toHaveLength(101)
  })

  it('are sent to a stream whose filter hides the events', async () => {
    const { manager, connect, clock, calm } = createHarness({ events, heartbeat: { intervalMs: 10_000 } })
    const client = await connect({ filter: () => false })
    for (let tick = 0; tick < 20; tick++) {
      clock.advance(5_000)
      await manager.publish('log', { message: '' })
      await calm()
    }
    expect(client.comments.length).toBeGreaterThan(8)
  })

  it('are spread over time, even after an event to all', async () => {
    const { manager, connect, clock, calm } = createHarness({ events, heartbeat: { intervalMs: 32_000 } })
    const perTick = new Map<number, number>()
    for (let count = 0; count < 100; count++) {
      const { sink } = await connect()
      sink.onWrite = (text) => text.startsWith(':') && perTick.set(clock.now(), (perTick.get(clock.now()) ?? 0) + 1)
    }
    await manager.publish('log', { message: '' })
    await calm()
    clock.advance(32_000)
    await calm()
    expect([...perTick.values()].reduce((sum, count) => sum + count)).toBe(100)
    expect(perTick.size).toBeGreaterThan(5)
    expect(Math.max(...perTick.values())).toBeLessThan(40)
  })

  it('can be events, and can be turned off', async () => {
    const asEvents = createHarness({ events, heartbeat: { intervalMs: 1_000, as: 'event' } })
    const client = await asEvents.connect()
    asEvents.clock.advance(1_000)
    await asEvents.calm()
    expect(client.messages[1]).toMatchObject({ event: 'heartbeat', data: '{}' })
    const none = createHarness({ events, heartbeat: false })
    const silent = await none.connect()
    none.clock.advance(10_000_000)
    await none.calm()
    expect([silent.messages.length, silent.comments]).toEqual([1, []])
    expect(JSON.parse(silent.messages[0]!.data)).toMatchObject({ heartbeatMs: 0 })
  })

  it('are no longer written to a stream whose response failed on one', async () => {
    const { manager, connect, clock, calm } = createHarness({ events, heartbeat: { intervalMs: 1_000 } })
    const { sink } = await connect()
    await connect()
    let writes = 0
    sink.write = () => {
      writes++
      throw new Error('middleware')
    }
    clock.advance(20_000)
    await calm()
    expect(manager.stats()).toMatchObject({ connections: 1, closed: 1 })
    expect(writes).toBe(1)
  })

  it('need no timer without connections', async () => {
    const { connect, clock, calm } = createHarness({ events })
    const client = await connect()
    // The timers of heartbeats, of the node's presence, and of the beginning that other streams may share.
    expect(clock.timers).toBe(3)
    client.sink.destroy()
    await calm()
    expect(clock.timers).toBe(1)
    clock.advance(20)
    expect(clock.timers).toBe(0)
  })
})
