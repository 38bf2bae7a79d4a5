import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import type { Backplane, BackplaneSubscriber } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { isReservedChannel } from '../backplane/reserved-channel.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

describe('a turn of the event loop', () => {
  it('makes one write per connection, however many events were published in it', async () => {
    const { manager, connect, clock } = createHarness({ events })
    const clients = [await connect(), await connect()]
    const writes = clients.map(({ sink }) => vi.spyOn(sink, 'write'))
    for (let count = 0; count < 50; count++) manager.emit('log', { message: String(count) })
    expect(writes[0]).not.toHaveBeenCalled()
    clock.turn()
    expect(writes.map((write) => write.mock.calls.length)).toEqual([1, 1])
    expect(writes[0]!.mock.lastCall![0]).toBe(writes[1]!.mock.lastCall![0])
  })

  it('is left to other work when many connections are to be written to', async () => {
    const { manager, connect, clock, calm } = createHarness({ events })
    const clients: Awaited<ReturnType<typeof connect>>[] = []
    for (let count = 0; count < 200; count++) clients.push(await connect())
    let written = 0
    for (const { sink } of clients) {
      sink.onWrite = () => {
        written++
        clock.advance(1)
      }
    }
    await manager.publish('log', { message: '1' })
    clock.turn()
    expect(written).toBeGreaterThan(10)
    expect(written).toBeLessThan(100)
    await manager.publish('log', { message: '2' })
    await calm()
    for (const { messages } of clients) expect(texts(messages)).toEqual(['1', '2'])
  })

  it('in which more is published than may wait sends the connections to the log, and tells of what is gone', async () => {
    const { manager, connect, calm } = createHarness({ events, retention: { maxEvents: 100, maxBytes: 1e9 } })
    const client = await connect()
    for (let count = 0; count < 100; count++)
      await manager.publish('log', { message: `${count} ${'x'.repeat(100_000)}` })
    await calm()
    expect(client.sink.largestWrite).toBeLessThan(300_000)
    expect(texts(client.messages)).toHaveLength(100)
    for (let count = 0; count < 200; count++)
      await manager.publish('log', { message: `${count} ${'x'.repeat(100_000)}` })
    await calm()
    expect(texts(client.messages).at(-1)).toMatch(/^199 /)
    expect(controlEventsOf(client.messages)).toMatchObject([
      { type: 'rivulet:open' },
      { type: 'rivulet:gap', reason: 'lagged' },
    ])
  })
})

describe('a slow connection', () => {
  it('is told of each hole at its place, also when the log had lost its events before', async () => {
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

describe('a connection that fails', () => {
  it('is ended alone, and reported', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const [before, failing, after] = [await connect(), await connect(), await connect()]
    const error = new Error('broken pipe')
    failing.sink.write = () => {
      throw error
    }
    await manager.publish('log', { message: '1' })
    await calm()
    expect(texts(before.messages)).toEqual(['1'])
    expect(texts(after.messages)).toEqual(['1'])
    expect(errors).toMatchObject([{ error, context: { stage: 'write' } }])
    expect(manager.stats()).toMatchObject({ connections: 2, closed: 1 })
  })

  it('and an onError that fails too do not stop the others', async () => {
    const consoleError = vi.spyOn(console, 'error').mockImplementation(() => {})
    const onError = () => {
      throw new Error('onError')
    }
    const { manager, connect, calm } = createHarness({ events, onError })
    const [failing, other] = [await connect(), await connect()]
    failing.sink.write = () => {
      throw new Error('broken pipe')
    }
    await manager.publish('log', { message: '1' })
    await calm()
    expect(texts(other.messages)).toEqual(['1'])
    expect(consoleError).toHaveBeenCalledTimes(2)
    consoleError.mockRestore()
  })

  it('may do so in the middle of a flush, while others leave and come', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const clients = [await connect(), await connect(), await connect(), await connect()]
    clients[1]!.sink.onWrite = () => {
      clients[0]!.sink.destroy()
      clients[2]!.sink.destroy()
    }
    await manager.publish('log', { message: '1' })
    const joining = connect()
    await calm()
    await manager.publish('log', { message: '2' })
    await calm()
    expect(texts(clients[3]!.messages)).toEqual(['1', '2'])
    expect(texts((await joining).messages).at(-1)).toBe('2')
    expect(manager.stats()).toMatchObject({ connections: 3 })
  })

  it('may be ended from within a flush, by what the flush calls', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const before = await connect()
    const [id] = manager.connections.keys()
    const asked = await connect({
      filter: () => {
        manager.disconnect((connection) => connection.id === id, 'enough')
        return true
      },
    })
    await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    await calm()
    expect(texts(before.messages)).toEqual(['1', '2'])
    expect(texts(asked.messages)).toEqual(['1', '2'])
    expect(manager.stats()).toMatchObject({ connections: 1, errors: 0 })
  })
})

describe('a backplane that', () => {
  function createSubscribed(overrides: Partial<Backplane> = {}) {
    const memory = new MemoryBackplane()
    const subscribers: BackplaneSubscriber[] = []
    const backplane: Backplane = {
      publish: (...args) => memory.publish(...args),
      subscribe(channel, subscriber) {
        if (!isReservedChannel(channel)) subscribers.push(subscriber)
        return memory.subscribe(channel, subscriber)
      },
      unsubscribe: (...args) => memory.unsubscribe(...args),
      read: (...args) => memory.read(...args),
      seek: (...args) => memory.seek(...args),
      forget: (...args) => memory.forget(...args),
      close: () => memory.close(),
      ...overrides,
    }
    return { ...createHarness({ events, backplane }), subscribers }
  }

  it('loses an event on the way is found out by the next one, at its place', async () => {
    const { connect, calm, subscribers } = createSubscribed()
    const client = await connect()
    const message = (position: number, previous: number) => ({
      type: 'log',
      data: `{"message":"${position}"}`,
      position,
      previous,
    })
    subscribers[0]!.onMessage('default', message(2 ** 52 + 1, 2 ** 52))
    subscribers[0]!.onMessage('default', message(2 ** 52 + 2, 2 ** 52 + 1))
    subscribers[0]!.onMessage('default', message(2 ** 52 + 4, 2 ** 52 + 3))
    subscribers[0]!.onMessage('default', message(2 ** 52 + 4, 2 ** 52 + 3))
    await calm()
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log', 'log', 'rivulet:gap', 'log'])
    expect(controlEventsOf(client.messages).at(-1)).toEqual({
      type: 'rivulet:gap',
      channel: 'default',
      reason: 'backplane',
    })
  })

  it('announces a gap has it passed on to the channel’s connections, or to all', async () => {
    const { connect, calm, subscribers } = createSubscribed()
    const [a, b] = [await connect({ channels: ['a'] }), await connect({ channels: ['b'] })]
    subscribers[0]!.onGap('a')
    subscribers[0]!.onGap(undefined)
    await calm()
    expect(controlEventsOf(a.messages)).toMatchObject([{}, { channel: 'a' }, { channel: 'a' }])
    expect(controlEventsOf(b.messages)).toMatchObject([{}, { channel: 'b' }])
  })

  it('does not answer has clients sent away for a while, and is asked again', async () => {
    const subscribe = vi.fn<Backplane['subscribe']>()
    subscribe.mockRejectedValueOnce(new Error('down'))
    const { manager, connect, errors } = createSubscribed({ subscribe })
    const refused = await connect()
    expect([refused.sink.status, Number(refused.headers!['retry-after']) > 0]).toEqual([503, true])
    expect(errors).toMatchObject([{ context: { stage: 'read' } }])
    expect((await connect()).sink.status).toBe(200)
    expect(manager.stats()).toMatchObject({ connections: 1 })
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
  ])('%s while a slow connection reads ends this connection', async (_, fail) => {
    const memory = new MemoryBackplane({ retention: { maxEvents: 100_000 } })
    let read: Backplane['read'] = (...args) => memory.read(...args)
    const { manager, connect, calm, errors } = createSubscribed({
      publish: (...args) => memory.publish(...args),
      subscribe: (...args) => memory.subscribe(...args),
      read: (...args) => read(...args),
    })
    const [slow, fast] = [await connect(), await connect()]
    slow.sink.take = () => {}
    for (let count = 0; count < 100; count++) {
      await manager.publish('log', { message: 'x'.repeat(50_000) })
      await calm()
    }
    expect(manager.stats()).toMatchObject({ lagging: 1 })
    read = fail
    Reflect.deleteProperty(slow.sink, 'take')
    await calm()
    expect(slow.sink.closed).toBe(true)
    expect(errors).toMatchObject([{ context: { stage: 'read' } }])
    await manager.publish('log', { message: 'end' })
    await calm()
    expect(texts(fast.messages)).toHaveLength(101)
  })

  it('is unwell is reported', async () => {
    const { connect, errors, subscribers } = createSubscribed()
    await connect()
    const error = new Error('connection lost')
    subscribers[0]!.onHealth(error)
    subscribers[0]!.onHealth(undefined)
    expect(errors).toEqual([{ error, context: { stage: 'backplane' } }])
  })
})

describe('events that cannot be sent', () => {
  const anything = defineEvents({ any: z.custom<object>() })
  const cycle: { self?: unknown } = {}
  cycle.self = cycle

  it.each([
    ['a BigInt', { big: 1n }, 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['a cycle', cycle, 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      'RIVULET_EVENT_NOT_SERIALIZABLE',
    ],
    ['an array', [1], 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['a date', new Date(0), 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['nothing', null, 'RIVULET_EVENT_INVALID'],
    ['a reserved key', { id: 1 }, 'RIVULET_RESERVED_KEY'],
  ])('because of %s are refused, and nobody gets anything', async (_, payload, code) => {
    const { manager, connect, calm } = createHarness({ events: anything })
    const client = await connect()
    await expect(manager.publish('any', payload as object)).rejects.toMatchObject({ code })
    await manager.publish('any', {})
    await calm()
    expect(client.messages).toHaveLength(2)
  })

  it('do not forge what an event says of itself', async () => {
    const { manager, connect, calm } = createHarness({ events: anything })
    const client = await connect()
    await manager.publish('any', { toJSON: () => ({ source: 'forged', timestamp: 1 }) })
    await calm()
    expect(JSON.parse(client.messages[1]!.data)).toMatchObject({ source: 'server' })
  })
})
