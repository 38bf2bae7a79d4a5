import { defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import type { SimulatedSink } from '../../test/simulation.js'
import { controlEventsOf } from '../../test/stream-client.js'
import { ConfigurationError } from '../runtime/errors.js'

const broken = () => {
  throw new Error('broken')
}

const events = defineEvents({ log: z.object({ message: z.string() }) })

it('closes the streams one by one over the grace period, each with its own reconnection time', async () => {
  const { manager, connect, clock, calm } = createHarness({ events, heartbeat: false, retryMs: 1_000 })
  const clients: Awaited<ReturnType<typeof connect>>[] = []
  for (let count = 0; count < 100; count++) clients.push(await connect())
  let closed = false
  const closing = manager.close({ graceMs: 10_000 }).then(() => {
    closed = true
  })
  const left: number[] = []
  for (let second = 0; second < 10; second++) {
    await manager.publish('log', { message: 'still published' })
    clock.advance(1_000)
    await calm()
    left.push(manager.connections.size)
  }
  await closing
  expect(closed).toBe(true)
  expect(left[9]).toBe(0)
  for (const [second, count] of left.entries()) expect(Math.abs(count - (90 - 10 * second))).toBeLessThan(20)
  const retries = clients.map((client) => client.retries.at(-1)!)
  expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_000)
  expect(Math.max(...retries)).toBeLessThanOrEqual(2_000)
  expect(new Set(retries).size).toBeGreaterThan(50)
  for (const { messages } of clients) {
    expect(controlEventsOf(messages).at(-1)).toEqual({ type: 'rivulet:close', reason: 'shutdown', retry: true })
  }
})

it('ends as soon as the last client has left', async () => {
  const { manager, connect, calm } = createHarness({ events })
  const client = await connect()
  const closing = manager.close({ graceMs: 3_600_000 })
  client.sink.destroy()
  await calm()
  await closing
})

it('does not wait for a client that reads nothing', async () => {
  const { manager, connect, clock, calm } = createHarness({ events, heartbeat: false })
  const client = await connect()
  client.sink.take = () => {}
  await manager.publish('log', { message: 'x'.repeat(100_000) })
  await calm()
  const closing = manager.close()
  await calm()
  expect(client.sink.closed).toBe(false)
  clock.advance(2_000)
  await calm()
  expect(client.sink.closed).toBe(true)
  await closing
})

it.each<[string, Partial<SimulatedSink>]>([
  ['does not say that it is destroyed', { destroy: () => {} }],
  ['cannot be ended', { end: broken }],
  ['can neither be ended nor destroyed', { end: broken, destroy: broken }],
])('waits at most two seconds for a response that %s', async (_, sink) => {
  const { manager, connect, clock, calm } = createHarness({ events, heartbeat: false })
  const healthy = await connect()
  Object.assign((await connect()).sink, { take: () => {}, ...sink })
  await connect()
  let closed = false
  const closing = manager.close({ graceMs: 5_000 }).then(() => {
    closed = true
  })
  clock.advance(5_000)
  await calm()
  expect(controlEventsOf(healthy.messages).at(-1)).toMatchObject({ reason: 'shutdown' })
  clock.advance(2_000)
  await calm()
  expect(closed).toBe(true)
  await closing
})

it('does not wait for a response that was cut without an event', async () => {
  const { manager, connect, calm } = createHarness({ events, heartbeat: false })
  const { sink } = await connect()
  Object.assign(sink, { write: broken, destroy: () => {} })
  await manager.publish('log', { message: 'x' })
  await calm()
  expect(manager.stats()).toMatchObject({ connections: 0, errors: 1 })
  await manager.close({ graceMs: 3_600_000 })
})

it.each([Number.NaN, -1, Infinity, '5'])('refuses a grace period of %s, and closes nothing', async (graceMs) => {
  const { manager, connect } = createHarness({ events })
  await connect()
  expect(() => manager.close({ graceMs: graceMs as number })).toThrow(ConfigurationError)
  expect(manager.connections.size).toBe(1)
})

it('leaves nothing behind after thousands of different clients', async () => {
  const { manager, connect, clock, calm } = createHarness({ events, limits: { maxLifetimeMs: 1e9 } })
  for (let round = 0; round < 200; round++) {
    const clients = [
      await connect({ channels: [`own:${round}`, 'all'] }),
      await connect({ filter: () => true, replay: 3 }),
      await connect({ authorize: () => ({ status: 401 }) }),
      await connect(
        { authorize: () => ({ context: round, key: String(round), expiresAt: clock.now() + 1e8 }) },
        'nonsense',
      ),
    ]
    clients[0]!.sink.take = () => {}
    await manager.publish('log', { message: 'x'.repeat(20_000) }, { channel: 'all', retain: round % 2 === 0 })
    await manager.publish('log', { message: '' })
    await calm()
    if (round % 2) manager.disconnect(() => true, 'enough')
    for (const { sink } of clients) sink.destroy()
    await calm()
  }
  clock.advance(120_000)
  expect(manager.stats()).toMatchObject({ connections: 0, lagging: 0, cohorts: 0, opened: 600, closed: 600, errors: 0 })
  // The only timer left is for the age of kept events.
  expect(clock.timers).toBe(1)
  clock.advance(2 * 3_600_000)
  expect(clock.timers).toBe(0)
})
