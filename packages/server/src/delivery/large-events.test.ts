import { defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { heapInUse } from '../../test/heap.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import { partChars } from '../sinks/large-payload.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const size = 900_000
const large = { message: 'x'.repeat(size) }

/** A manager, and a client that takes nothing unless told to. */
async function start() {
  const harness = createHarness({ events, heartbeat: false, limits: { stallTimeoutMs: 8_000 } })
  const client = await harness.connect()
  const take = client.sink.take.bind(client.sink)
  client.sink.take = () => {}
  return { ...harness, client, take }
}

it('wait in a connection in parts', async () => {
  const { manager, client, take, calm } = await start()
  await manager.publish('log', large)
  await manager.publish('log', { message: 'behind' })
  await calm()
  let parts = 0
  while (client.messages.length < 3) {
    expect(client.sink.bufferedBytes).toBeLessThan(partChars + 1_000)
    take(Infinity)
    await calm()
    parts++
  }
  expect(parts).toBeGreaterThan(size / partChars)
  expect(dataOf(client.messages, 'log').map(({ message }) => String(message).length)).toEqual([size, 6])
  expect(manager.stats()).toMatchObject({ gaps: 0 })
})

it('come as a whole before whatever is written behind them', async () => {
  const { manager, client, take, calm } = await start()
  await manager.publish('log', large)
  await calm()
  manager.disconnect(() => true, 'enough')
  await calm()
  take(Infinity)
  await calm()
  expect(dataOf(client.messages, 'log')).toEqual([expect.objectContaining(large)])
  expect(controlEventsOf(client.messages).at(-1)).toMatchObject({ type: 'rivulet:close', reason: 'enough' })
  expect(client.sink.closed).toBe(true)
})

it('are not written on when the client has left', async () => {
  const { manager, client, take, calm, errors } = await start()
  await manager.publish('log', large)
  await calm()
  take(Infinity)
  client.sink.destroy()
  await calm()
  expect(manager.stats()).toMatchObject({ connections: 0 })
  expect(errors).toEqual([])
})

it('end a connection whose sink fails in between, and no other', async () => {
  const { manager, client, take, calm, errors, connect } = await start()
  const other = await connect()
  await manager.publish('log', large)
  await calm()
  client.sink.write = () => {
    throw new Error('broken')
  }
  take(Infinity)
  await calm()
  expect(errors).toMatchObject([{ error: { message: 'broken' }, context: { stage: 'write' } }])
  expect([client.sink.closed, other.sink.closed]).toEqual([true, false])
  expect(dataOf(other.messages, 'log')).toHaveLength(1)
})

it('take a slow client more than the stall timeout, and are cut off if it stops', async () => {
  const { manager, client, take, clock, calm } = await start()
  await manager.publish('log', large)
  await calm()
  for (let second = 0; second < 24; second++) {
    clock.advance(1_000)
    take(20_000)
    await calm()
  }
  expect(client.sink.closed).toBe(false)
  clock.advance(9_500)
  await calm()
  expect(client.sink.closed).toBe(true)
  expect(manager.stats()).toMatchObject({ stalled: 1 })
})

it('get no heartbeat in between', async () => {
  const { manager, connect, clock, calm } = createHarness({ events })
  const client = await connect()
  client.sink.take = () => {}
  await manager.publish('log', large)
  await calm()
  const { unread } = client.sink
  clock.advance(40_000)
  expect(client.sink.unread).toBe(unread)
})

it('exist once as a text, and as a part of their bytes, for any number of stalled clients', async () => {
  const { manager, connect, calm } = createHarness({ events, heartbeat: false })
  for (let count = 0; count < 20; count++) {
    const { sink } = await connect()
    sink.take = () => {}
  }
  const memory = async () => (await heapInUse()) + process.memoryUsage().external
  await manager.publish('log', { message: 'first' })
  await calm()
  const before = await memory()
  await manager.publish('log', { message: 'x'.repeat(2_000_000) })
  await calm()
  expect((await memory()) - before).toBeLessThan(1.5 * 2_000_000)
})
