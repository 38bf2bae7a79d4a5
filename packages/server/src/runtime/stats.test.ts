import { defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { settle } from '../../test/simulation.js'
import type { Backplane, BackplaneSubscriber } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { isReservedChannel } from '../backplane/reserved-channel.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

it('counts waiting frames, and measures their age and the cost of writing', async () => {
  const { manager, connect, clock, calm } = createHarness({ events })
  const { sink } = await connect()
  await connect({ channels: ['default', 'other'] })
  await connect({ channels: ['quiet'] })
  expect(manager.stats()).toMatchObject({ waitingFrames: 0, oldestFrameMs: 0, flushMs: 0, longestFlushMs: 0 })
  manager.emit('log', { message: '1' })
  await settle()
  clock.advance(30)
  manager.emit('log', { message: '2' })
  await settle()
  expect(manager.stats()).toMatchObject({ waitingFrames: 4, oldestFrameMs: 30 })
  sink.onWrite = () => clock.advance(5)
  await calm()
  expect(manager.stats()).toMatchObject({ waitingFrames: 0, oldestFrameMs: 0, flushMs: 5, longestFlushMs: 5 })
  sink.onWrite = () => clock.advance(3)
  manager.emit('log', { message: '3' })
  await calm()
  expect(manager.stats()).toMatchObject({ flushMs: 8, longestFlushMs: 5 })
})

it('counts requests that wait for their stream', async () => {
  const { manager, connect, calm } = createHarness({ events })
  let answer: (authorization: boolean) => void = () => {}
  const authorized = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  const joining = connect({ authorize: () => authorized })
  await calm()
  expect(manager.stats()).toMatchObject({ pendingAdmissions: 1, connections: 0 })
  answer(true)
  await joining
  await calm()
  expect(manager.stats()).toMatchObject({ pendingAdmissions: 0, connections: 1 })
})

it('counts gaps by reason and by connection', async () => {
  const memory = new MemoryBackplane({ retention: { maxEvents: 2 } })
  const subscribers: BackplaneSubscriber[] = []
  const backplane: Backplane = {
    publish: (...args) => memory.publish(...args),
    subscribe(channel, subscriber) {
      if (!isReservedChannel(channel)) subscribers.push(subscriber)
      memory.subscribe(channel, subscriber)
    },
    unsubscribe: (...args) => memory.unsubscribe(...args),
    read: (...args) => memory.read(...args),
    seek: (...args) => memory.seek(...args),
    forget: (...args) => memory.forget(...args),
    close: () => memory.close(),
  }
  const { manager, connect, calm } = createHarness({ events, backplane, limits: { highWaterMarkBytes: 1_000 } })
  const { id } = await manager.publish('log', { message: '0' })
  const slow = await connect()
  await connect({ filter: () => true })
  subscribers[0]!.onGap(undefined)
  await calm()
  const { deliveries } = manager.stats()
  expect(manager.stats()).toMatchObject({
    gaps: 2,
    gapsByReason: { backplane: 2, lagged: 0, trimmed: 0, restarted: 0 },
  })
  expect(deliveries).toBe(0)

  const take = slow.sink.take.bind(slow.sink)
  slow.sink.take = () => {}
  for (let count = 0; count < 20; count++) {
    await manager.publish('log', { message: 'x'.repeat(100_000) })
    await calm()
  }
  slow.sink.take = take
  await calm()
  await connect({}, id)
  await connect({}, 'zzzzzzzzz')
  expect(manager.stats()).toMatchObject({
    gaps: 5,
    gapsByReason: { backplane: 2, lagged: 1, trimmed: 1, restarted: 1 },
  })
})

it('reports what the backplane holds, and where', async () => {
  const memory = createHarness({ events })
  await memory.manager.publish('log', { message: '1' })
  expect(memory.manager.stats().backplane).toMatchObject({ events: 1, evictedEvents: 0 })
  const backplane = new MemoryBackplane()
  Object.assign(backplane, { stats: undefined })
  expect(createHarness({ events, backplane }, 2).manager.stats().backplane).toBeUndefined()
})
