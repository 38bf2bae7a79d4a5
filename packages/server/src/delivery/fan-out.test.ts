import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { heapInUse } from '../../test/heap.js'
import { SimulatedSink, settle } from '../../test/simulation.js'
import { dataOf } from '../../test/stream-client.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => String(message))

/** A server on which each write to a client of the channel `busy` takes a millisecond. */
async function createBusy(clients: number) {
  const harness = createHarness({ events, limits: { highWaterMarkBytes: 1e9 } })
  const { connect, clock } = harness
  for (let count = 0; count < clients; count++) {
    const { sink } = await connect({ channels: ['busy'] })
    sink.onWrite = () => clock.advance(1)
  }
  /** Runs a turn of the event loop in which the busy channel gets one more event. */
  const turn = async () => {
    harness.manager.emit('log', { message: 'busy' }, { channel: 'busy' })
    await settle()
    clock.turn()
  }
  return { ...harness, turn }
}

it('delivers on a quiet channel while a busy one has more to write than time allows', async () => {
  const { manager, connect, clock, turn } = await createBusy(200)
  const quiet = await connect({ channels: ['quiet'] })
  for (let count = 0; count < 50; count++) await turn()
  const begin = clock.now()
  let came = Number.POSITIVE_INFINITY
  quiet.sink.onWrite = () => {
    came = clock.now()
  }
  manager.emit('log', { message: 'quiet' }, { channel: 'quiet' })
  for (let count = 0; count < 10; count++) await turn()
  expect(came - begin).toBeLessThan(50)
})

it('enforces the bound of a channel’s queue when an event is queued, not when it is written', async () => {
  const { manager, connect, calm } = createHarness({ events, retention: { maxEvents: 100_000, maxBytes: 1e9 } })
  const clients = [await connect(), await connect(), await connect({ filter: () => true })]
  const message = 'x'.repeat(100_000)
  for (let count = 0; count < 100; count++) await manager.publish('log', { message })
  expect(manager.stats()).toMatchObject({ lagging: 3 })
  await calm()
  for (const { messages } of clients) expect(texts(messages)).toHaveLength(100)
  expect(manager.stats()).toMatchObject({ lagging: 0, gaps: 0 })
})

it('delivers an event that is larger than the bound, whatever follows it', async () => {
  const { manager, connect, calm } = createHarness({ events, retention: { maxEvents: 0 } })
  const client = await connect()
  const sizes: number[] = []
  client.sink.onBytes = () => {}
  client.sink.onWrite = ({ length }) => void sizes.push(length)
  manager.emit('log', { message: 'x'.repeat(9_000_000) })
  manager.emit('log', { message: 'end' })
  await calm()
  const end = sizes.pop()
  expect(sizes.reduce((sum, size) => sum + size)).toBeCloseTo(9_000_000, -3)
  expect(end).toBeCloseTo(90, -2)
  expect(manager.stats()).toMatchObject({ gaps: 0 })
})

it('encodes an event once, whatever other channels its receivers have', async () => {
  const { manager, connect, clock } = createHarness({ events })
  const clients = [
    await connect(),
    await connect({ channels: ['default', 'a'] }),
    await connect({ channels: ['default', 'b'], filter: () => true }),
  ]
  const payloads: unknown[] = []
  for (const { sink } of clients) {
    const write = sink.write.bind(sink)
    sink.write = (payload) => {
      payloads.push(payload)
      return write(payload)
    }
  }
  manager.emit('log', { message: '1' })
  await settle()
  clock.turn()
  expect(payloads).toHaveLength(3)
  expect(new Set(payloads).size).toBe(1)
})

it('loses nothing when a filter publishes more than the queue holds', async () => {
  const { manager, connect, calm, errors } = createHarness({ events, retention: { maxEvents: 1_000, maxBytes: 1e9 } })
  const before = await connect()
  let asked = false
  const asking = await connect({
    filter: () => {
      if (!asked) for (let count = 0; count < 100; count++) manager.emit('log', { message: 'x'.repeat(100_000) })
      asked = true
      return true
    },
  })
  const after = await connect()
  manager.emit('log', { message: 'first' })
  await calm()
  manager.emit('log', { message: 'last' })
  await calm()
  for (const { messages } of [before, asking, after]) {
    expect(texts(messages).map(({ length }) => length)).toEqual([5, ...Array(100).fill(100_000), 4])
  }
  expect(manager.stats()).toMatchObject({ gaps: 0, lagging: 0 })
  expect(errors).toEqual([])
})

it('gives a slow connection the queue in large pieces, however small those of the others were', async () => {
  const { manager, connect, calm } = createHarness({ events, limits: { highWaterMarkBytes: 1_000 } })
  const [slow] = [await connect(), await connect()]
  const take = slow.sink.take.bind(slow.sink)
  slow.sink.take = () => {}
  const publish = async () => {
    manager.emit('log', { message: 'x'.repeat(100) })
    await calm()
  }
  while (manager.stats().lagging === 0) await publish()
  for (let count = 0; count < 40; count++) await publish()
  const { published } = manager.stats()
  let writes = 0
  slow.sink.onWrite = () => void writes++
  slow.sink.take = take
  await calm()
  expect(texts(slow.messages)).toHaveLength(published)
  expect(writes).toBeLessThan(10)
})

describe('disconnecting from within a filter', () => {
  it('writes what was published before, and nothing that was published after', async () => {
    const { manager, connect, calm } = createHarness({ events })
    let asked = false
    const one = () => connect({ authorize: () => ({ context: 1, key: 'gone' }) })
    const before = await one()
    await connect({
      filter: () => {
        if (asked) return true
        asked = true
        manager.disconnect(({ key }) => key === 'gone', 'over')
        manager.emit('log', { message: 'after' })
        return true
      },
    })
    const after = await one()
    manager.emit('log', { message: '1' })
    manager.emit('log', { message: '2' })
    await calm()
    for (const { messages, sink } of [before, after]) {
      expect(messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log', 'log', 'rivulet:close'])
      expect(texts(messages)).toEqual(['1', '2'])
      expect(sink.closed).toBe(true)
    }
  })

  it('ends the stream of the filter after the current event', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const self = await connect({
      filter: ({ message }) => {
        if (message === '2') manager.disconnect(() => true, 'over')
        if (message === '2') manager.emit('log', { message: 'after' })
        return true
      },
    })
    for (const message of ['1', '2', '3']) manager.emit('log', { message })
    await calm()
    expect(texts(self.messages)).toEqual(['1', '2', '3'])
    expect(self.messages.at(-1)!.event).toBe('rivulet:close')
    expect(errors).toEqual([])
  })

  it('ends a lagging stream at its current position', async () => {
    const { manager, connect, calm, errors } = createHarness({ events, limits: { highWaterMarkBytes: 1_000 } })
    const self = await connect({
      filter: ({ message }) => {
        if (message === 'end') manager.disconnect(() => true, 'over')
        return true
      },
    })
    const take = self.sink.take.bind(self.sink)
    self.sink.take = () => {}
    for (let count = 0; count < 300; count++) {
      manager.emit('log', { message: 'x'.repeat(1_000) })
      await calm()
    }
    expect(manager.stats()).toMatchObject({ lagging: 1 })
    for (const message of ['end', 'behind it']) await manager.publish('log', { message })
    for (let count = 0; count < 300; count++) await manager.publish('log', { message: 'x'.repeat(1_000) })
    await calm()
    self.sink.take = take
    await calm()
    expect(self.messages.at(-1)!.event).toBe('rivulet:close')
    expect(self.sink.closed).toBe(true)
    expect(errors).toEqual([])
  })

  it('refuses a stream whose filter disconnects it before it is open', async () => {
    const { manager, connect, errors } = createHarness({ events })
    await manager.publish('log', { message: '1' })
    const { sink } = await connect({
      replay: 1,
      filter: () => manager.disconnect(() => true, 'over') > 0,
    })
    expect(sink.status).toBe(403)
    expect(errors).toEqual([])
  })
})

it('keeps the order of events for everyone when a listener for lagging streams publishes', async () => {
  const { manager, connect, calm } = createHarness({ events, retention: { maxBytes: 1e9 } })
  const client = await connect()
  let told = 0
  const onLag = () => {
    if (told++ === 0) manager.emit('log', { message: 'lag' })
  }
  subscribe('rivulet:connection:lag', onLag)
  onTestFinished(() => void unsubscribe('rivulet:connection:lag', onLag))
  for (let count = 0; count < 141; count++) await manager.publish('log', { message: 'x'.repeat(60_000) })
  await calm()
  await calm()
  const ids = client.messages.filter(({ event }) => event === 'log').map(({ lastEventId }) => lastEventId)
  expect(ids).toHaveLength(142)
  expect(ids).toEqual([...ids].sort())
})

it('lets a listener for lagging streams end that stream and others', async () => {
  const { manager, connect, calm } = createHarness({ events })
  const clients = [await connect(), await connect(), await connect()]
  let told = 0
  const onLag = () => {
    told++
    manager.disconnect(() => true, 'enough')
  }
  subscribe('rivulet:connection:lag', onLag)
  onTestFinished(() => void unsubscribe('rivulet:connection:lag', onLag))
  for (let count = 0; count < 141; count++) await manager.publish('log', { message: 'x'.repeat(60_000) })
  await calm()
  // Each may fall behind while it is given what came before its end, but none of them after that.
  expect(told).toBeLessThanOrEqual(3)
  expect(clients.map(({ sink }) => sink.closed)).toEqual([true, true, true])
  expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, lags: told })
})

describe('a quiet channel', () => {
  /** Publishes on it, and measures how long its stream waits while so many turns pass. */
  async function waitOf(
    sink: SimulatedSink,
    harness: Pick<Awaited<ReturnType<typeof createBusy>>, 'manager' | 'clock'>,
  ) {
    const { manager, clock } = harness
    await manager.publish('log', { message: 'quiet' }, { channel: 'quiet' })
    const start = clock.now()
    let late = Infinity
    sink.onWrite = () => {
      late = Math.min(late, clock.now() - start)
    }
    for (let turn = 0; turn < 100; turn++) clock.turn()
    return late
  }

  it('does not wait for slow filters', async () => {
    const { manager, clock, connect } = createHarness({ events })
    let asked = 0
    const filter = () => {
      asked++
      clock.spend(0.1)
      return true
    }
    const filtered = [await connect({ channels: ['busy'], filter }), await connect({ channels: ['busy'], filter })]
    const { sink } = await connect({ channels: ['quiet'] })
    for (let count = 0; count < 500; count++) await manager.publish('log', { message: 'x' }, { channel: 'busy' })
    expect(await waitOf(sink, { manager, clock })).toBeLessThanOrEqual(5)
    expect(asked).toBe(filtered.length * 500)
  })

  it('does not wait for streams that catch up, however many', async () => {
    const { manager, clock, connect } = createHarness({ events })
    const { sink } = await connect({ channels: ['quiet'] })
    const { id } = await manager.publish('log', { message: 'x' }, { channel: 'busy' })
    for (let count = 0; count < 900; count++) {
      await manager.publish('log', { message: 'x'.repeat(2_000) }, { channel: 'busy' })
    }
    for (let count = 0; count < 300; count++) {
      const slow = new SimulatedSink(clock, Infinity)
      slow.onWrite = () => clock.spend(0.5)
      void manager.connect({ raw: undefined, lastEventId: id }, slow, { channels: ['busy'] })
    }
    await settle()
    expect(await waitOf(sink, { manager, clock })).toBeLessThanOrEqual(10)
  })
})

it('keeps no frames for streams that have caught up', async () => {
  const { manager, connect, calm } = createHarness({ events, heartbeat: false })
  const channels = Array.from({ length: 100 }, (_, index) => `user ${index}`)
  const answers: (() => void)[] = []
  const snapshot = () => new Promise<{ events: [] }>((resolve) => answers.push(() => resolve({ events: [] })))
  for (const channel of channels) {
    await connect({ channels: [channel] })
    await connect({ channels: [channel], snapshot })
  }
  const publish = async (message: string) => {
    for (const channel of channels) await manager.publish('log', { message }, { channel, retain: false })
    await calm()
  }
  for (let count = 0; count < 100; count++) await publish(`${count}`.padEnd(1_000, 'x'))
  for (const answer of answers) answer()
  await calm()
  expect([...manager.connections.values()].every(({ state }) => state === 'live')).toBe(true)
  const kept = await heapInUse()
  // With each channel's next event the frames before it go.
  await publish('last')
  expect(kept - (await heapInUse())).toBeLessThan(1_000_000)
})
