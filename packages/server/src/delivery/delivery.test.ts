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

  it('leaves time for other work when many connections need a write', async () => {
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

  it('with more events than the queue holds sends the connections to the log, and announces what is lost', async () => {
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

  it('loses an event on the way: the next one reveals the gap, at its place', async () => {
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

  it('announces a gap: it reaches the connections of the channel, or all of them', async () => {
    const { connect, calm, subscribers } = createSubscribed()
    const [a, b] = [await connect({ channels: ['a'] }), await connect({ channels: ['b'] })]
    subscribers[0]!.onGap('a')
    subscribers[0]!.onGap(undefined)
    await calm()
    expect(controlEventsOf(a.messages)).toMatchObject([{}, { channel: 'a' }, { channel: 'a' }])
    expect(controlEventsOf(b.messages)).toMatchObject([{}, { channel: 'b' }])
  })

  it('does not answer: clients are told to retry, and it is asked again', async () => {
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

  it('reports an error: onError gets it', async () => {
    const { connect, errors, subscribers } = createSubscribed()
    await connect()
    const error = new Error('connection lost')
    subscribers[0]!.onHealth(error)
    subscribers[0]!.onHealth(undefined)
    expect(errors).toEqual([{ error, context: { stage: 'backplane' } }])
  })
})
