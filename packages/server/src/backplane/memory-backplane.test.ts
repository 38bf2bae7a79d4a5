import { defineEvents } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { SimulatedClock } from '../../test/simulation.js'
import { controlEventsOf } from '../../test/stream-client.js'
import type { BackplaneSubscriber, LiveMessage } from './backplane.js'
import { MemoryBackplane } from './memory-backplane.js'
import type { Retention } from './retention.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

const kept = { retain: true } as const
const message = (data: string) => ({ type: 'log', data })
const dataOf = ({ messages }: { messages: readonly { data: string }[] }) => messages.map(({ data }) => data)

const nobody: BackplaneSubscriber = { onMessage: () => {}, onGap: () => {}, onHealth: () => {} }

/** Publishes an event, and returns it as subscribers get it. */
function published(backplane: MemoryBackplane, channel: string): LiveMessage {
  const received: LiveMessage[] = []
  const subscriber = { ...nobody, onMessage: (_: string, live: LiveMessage) => received.push(live) }
  backplane.subscribe(channel, subscriber)
  backplane.publish(channel, message(''), kept)
  backplane.unsubscribe(channel, subscriber)
  return received[0]!
}

const createClock = () => new SimulatedClock(() => 0.5)

describe('positions', () => {
  it('follow the clock, and increase even when it is set back', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ clock })
    const first = backplane.publish('a', message('1'), kept).position!
    expect(first).toBe(clock.now() * 1024 + 1)
    clock.advance(1_000)
    expect(backplane.publish('a', message('2'), kept).position).toBe(clock.now() * 1024)
    clock.setBack(60_000)
    expect(backplane.publish('b', message('3'), kept).position).toBe((clock.now() + 60_000) * 1024 + 1)
  })

  it('go on increasing after a restart', () => {
    const clock = createClock()
    const before = new MemoryBackplane({ clock })
    let last = 0
    for (let count = 0; count < 900; count++) last = before.publish('a', message(''), kept).position!
    clock.advance(1)
    expect(new MemoryBackplane({ clock }).publish('a', message(''), kept).position).toBeGreaterThan(last)
  })
})

describe('subscribers', () => {
  it('all get events in the order of their positions, even if one of them publishes meanwhile', () => {
    const backplane = new MemoryBackplane({ clock: createClock() })
    const received: Record<string, string[]> = { first: [], second: [] }
    const subscribe = (name: string, onMessage: () => void) =>
      backplane.subscribe('a', {
        ...nobody,
        onMessage: (_, { data }) => {
          onMessage()
          received[name]!.push(data)
        },
      })
    let count = 0
    subscribe('first', () => {
      if (count < 3) backplane.publish('a', message(String(++count)), kept)
    })
    subscribe('second', () => {})
    backplane.publish('a', message('0'), kept)
    expect(received).toEqual({ first: ['0', '1', '2', '3'], second: ['0', '1', '2', '3'] })
  })

  it('that fail neither stop the others nor make publishing fail', () => {
    const backplane = new MemoryBackplane({ clock: createClock() })
    const received: string[] = []
    const failures: unknown[] = []
    const onMessage = () => {
      throw new Error('broken')
    }
    backplane.subscribe('a', { ...nobody, onMessage, onHealth: (error) => failures.push(error) })
    backplane.subscribe('a', { ...nobody, onMessage: (_, { data }) => received.push(data) })
    for (const text of ['1', '2']) backplane.publish('a', message(text), kept)
    expect(received).toEqual(['1', '2'])
    expect(failures).toEqual([new Error('broken'), new Error('broken')])
  })
})

describe('retention', () => {
  it('bounds the number, size and age of the stored events', () => {
    const clock = createClock()
    const keptBy = (retention: Retention) => {
      const backplane = new MemoryBackplane({ retention, clock })
      for (let count = 0; count < 10; count++) {
        backplane.publish('a', message(String(count)), kept)
        clock.advance(1_000)
      }
      return dataOf(backplane.read('a', 0, 100))
    }
    expect(keptBy({ maxEvents: 3 })).toEqual(['7', '8', '9'])
    expect(keptBy({ maxBytes: 8 })).toEqual(['8', '9'])
    expect(keptBy({ maxAgeMs: 4_500 })).toEqual(['6', '7', '8', '9'])
    expect(keptBy('latest')).toEqual(['9'])
    expect(keptBy('none')).toEqual([])
  })

  it('may be a function of the channel, which is called once for a channel that keeps events', () => {
    const retention = vi.fn((channel: string) => (channel === 'price' ? ('latest' as const) : {}))
    const backplane = new MemoryBackplane({ retention })
    for (const data of ['1', '2']) {
      for (const channel of ['price', 'log']) backplane.publish(channel, message(data), kept)
    }
    expect(dataOf(backplane.read('price', 0, 10))).toEqual(['2'])
    expect(dataOf(backplane.read('log', 0, 10))).toEqual(['1', '2'])
    expect(retention).toHaveBeenCalledTimes(2)
  })

  it('that throws is reported to subscribers, publishers and readers', () => {
    let fails = true
    const retention = () => {
      if (fails) throw new Error('no table')
      return {}
    }
    const clock = createClock()
    const backplane = new MemoryBackplane({ retention, clock })
    const subscriber = { ...nobody, onHealth: vi.fn(), onMessage: vi.fn() }
    backplane.subscribe('a', subscriber)
    expect(subscriber.onHealth).toHaveBeenCalledExactlyOnceWith(new Error('no table'))
    expect(() => backplane.publish('a', message(''), kept)).toThrow('no table')
    expect(() => backplane.read('a', 0, 1)).toThrow('no table')
    fails = false
    const { position } = backplane.publish('a', message(''), kept)
    clock.advance(2 * 3_600_000)
    backplane.publish('a', message(''), kept)
    expect(subscriber.onMessage).toHaveBeenLastCalledWith('a', expect.objectContaining({ previous: position }))
  })

  it.each([{ maxEvents: -1 }, { maxBytes: Number.NaN }, { maxAgeMs: '1h' as never }])('refuses %j', (retention) => {
    expect(() => new MemoryBackplane({ retention })).toThrow(/retention\./)
  })
})

describe('a channel whose events were dropped', () => {
  const minute = 60_000
  const hour = 3_600_000
  const user = (name: string) => ({ authorize: () => ({ context: name, key: name }), channels: [name] })

  it('goes on from its own last position, whatever happens on other channels', async () => {
    const { manager, clock, connect, calm } = createHarness({ events })
    const clients = await Promise.all(Array.from({ length: 20 }, (_, index) => connect(user(`user:${index}`))))
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 20; index++) {
        clock.advance(10 * minute)
        await calm()
        await manager.publish('log', { message: String(round) }, { channel: `user:${index}` })
      }
    }
    await calm()
    for (const { messages } of clients) {
      expect(messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log', 'log', 'log'])
    }
  })

  it('does not make streams reconnect, however long ago the last disconnect was', async () => {
    const { manager, clock, connect, calm } = createHarness({ events })
    const ada = await connect(user('ada'))
    for (let hours = 0; hours < 3; hours++) {
      await manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
      clock.advance(minute)
      await manager.publish('log', { message: '' }, { channel: `job:${hours}` })
      clock.advance(hour + minute)
      for (let count = 0; count < 3; count++) await manager.publish('log', { message: '' }, { channel: 'busy' })
      await calm()
    }
    expect(ada.sink.closed).toBe(false)
  })

  it.each([
    ['had an event', true],
    ['never had one', false],
  ])('recovers who was there and comes back: it %s', async (_, published) => {
    const { manager, clock, connect, calm } = createHarness({ events })
    const quiet = await connect(user('quiet'))
    if (published) await manager.publish('log', { message: '1' }, { channel: 'quiet' })
    await calm()
    const cursor = quiet.messages.at(-1)!.lastEventId
    for (let hours = 0; hours < 6; hours++) {
      await manager.publish('log', { message: '' }, { channel: `job:${hours}` })
      clock.advance(hour + minute)
    }
    quiet.sink.destroy()
    clock.advance(59 * minute)
    await manager.publish('log', { message: '2' }, { channel: 'quiet' })
    const again = await connect(user('quiet'), cursor)
    expect(controlEventsOf(again.messages)).toMatchObject([{ type: 'rivulet:open', recovered: true, replayed: 1 }])
  })

  it('denies continuity to a client that was away for longer than the log remembers', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ retention: { maxAgeMs: minute }, clock })
    const { position } = backplane.publish('once', message('1'), kept)
    clock.advance(1)
    const later = backplane.publish('once', message('2'), kept).position!
    clock.advance(3 * minute)
    expect(backplane.stats()).toMatchObject({ channels: 0, events: 0, bytes: 0 })
    expect(backplane.read('once', position!, 10)).toMatchObject({ messages: [], continuous: false, reason: 'trimmed' })
    const { previous } = published(backplane, 'once')
    expect(previous).toBeGreaterThanOrEqual(later)
    expect(backplane.read('once', position!, 10)).toMatchObject({ continuous: false, reason: 'trimmed' })
  })

  it('also denies it after the clock is set back', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ retention: { maxAgeMs: minute }, clock })
    const { position } = backplane.publish('once', message('1'), kept)
    clock.advance(1)
    backplane.publish('once', message('2'), kept)
    clock.advance(3 * minute)
    clock.setBack(3 * minute)
    expect(backplane.read('once', position!, 10).continuous).toBe(false)
  })

  it('outlives its last subscriber for exactly as long as it keeps events', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ retention: { maxAgeMs: minute }, clock })
    backplane.subscribe('a', nobody)
    const { position } = backplane.publish('a', message(''), kept)
    clock.advance(10 * minute)
    backplane.publish('b', message(''), kept)
    clock.advance(10 * minute)
    backplane.unsubscribe('a', nobody)
    clock.advance(minute - 1)
    expect(backplane.read('a', position!, 1).continuous).toBe(true)
    clock.advance(2_000)
    expect(backplane.stats().channels).toBe(0)
    expect(backplane.read('a', position!, 1).continuous).toBe(false)
  })
})

describe('ageing', () => {
  it('needs no publish, and one channel does not delay another', () => {
    const clock = createClock()
    const retention = (channel: string) => ({ maxAgeMs: channel === 'long' ? 7 * 86_400_000 : 60_000 })
    const backplane = new MemoryBackplane({ retention, clock })
    backplane.publish('long', message(''), kept)
    for (let count = 0; count < 5_000; count++) backplane.publish(`user:${count}`, message(''), kept)
    expect(backplane.stats()).toMatchObject({ channels: 5_001, events: 5_001 })
    clock.advance(62_000)
    expect(backplane.stats()).toMatchObject({ channels: 1, events: 1 })
    clock.advance(8 * 86_400_000)
    expect(backplane.stats()).toMatchObject({ channels: 0, events: 0, bytes: 0 })
  })

  it('keeps no timer while nothing can age, and none once it is closed', () => {
    const clock = createClock()
    const ageless = new MemoryBackplane({ retention: { maxAgeMs: Infinity }, clock })
    ageless.publish('a', message(''), kept)
    expect(clock.timers).toBe(0)
    const backplane = new MemoryBackplane({ clock })
    expect(clock.timers).toBe(0)
    for (let count = 0; count < 1_000; count++) backplane.publish(`${count}`, message(''), kept)
    expect(clock.timers).toBe(1)
    clock.advance(3 * 3_600_000)
    expect(clock.timers).toBe(0)
    backplane.publish('a', message(''), kept)
    backplane.close()
    expect(clock.timers).toBe(0)
  })

  it('drops the old events of a channel that nobody reads, while new ones come', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ retention: { maxAgeMs: 60_000 }, clock })
    for (let count = 0; count < 600; count++) {
      backplane.publish('a', message(''), kept)
      clock.advance(1_000)
    }
    expect(backplane.stats().events).toBeLessThanOrEqual(61)
  })
})

describe('memory', () => {
  it('is not used by channels that are only read or subscribed to', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ clock })
    for (let count = 0; count < 1_000; count++) {
      backplane.subscribe(`made up ${count}`, nobody)
      backplane.read(`made up ${count}`, 0, 10)
      backplane.unsubscribe(`made up ${count}`, nobody)
    }
    expect(backplane.stats()).toMatchObject({ channels: 0, bytes: 0 })
    // Those that stay for a while are remembered for as long, in an eighth of the budget at most.
    const small = new MemoryBackplane({ clock, maxTotalBytes: 80_000 })
    for (let count = 0; count < 1_000; count++) small.subscribe(`made up ${count}`, nobody)
    clock.advance(60_000)
    for (let count = 0; count < 1_000; count++) small.unsubscribe(`made up ${count}`, nobody)
    expect(small.stats().bytes).toBeLessThanOrEqual(10_000)
    clock.advance(62_000)
    expect(small.stats()).toMatchObject({ channels: 0, bytes: 0 })
  })

  it('is bounded over all channels: the least recently published lose events first, and report it', () => {
    const backplane = new MemoryBackplane({ clock: createClock(), maxTotalBytes: 1_000_000 })
    const text = message('x'.repeat(10_000))
    const quiet = backplane.publish('quiet', text, kept).position!
    const first = backplane.publish('busy', text, kept).position!
    backplane.publish('quiet', text, kept)
    const last = backplane.publish('other', text, kept).position!
    for (let count = 0; count < 200; count++) backplane.publish('busy', text, kept)
    expect(backplane.read('quiet', quiet, 10)).toMatchObject({ messages: [], continuous: false, reason: 'trimmed' })
    expect(backplane.read('busy', first, 10)).toMatchObject({ continuous: false, reason: 'trimmed' })
    expect(backplane.read('busy', 0, 1_000).messages.length).toBeGreaterThan(90)
    // A client that had everything is told of no gap.
    expect(backplane.read('other', last, 10).continuous).toBe(true)
    const { bytes, evictedEvents, events } = backplane.stats()
    expect(bytes).toBeLessThanOrEqual(1_000_000)
    expect(evictedEvents).toBe(204 - events)
  })

  it('is bounded for any number of channels', () => {
    const backplane = new MemoryBackplane({ clock: createClock(), maxTotalBytes: 100_000, retention: 'latest' })
    const first = backplane.publish('0', message(''), kept).position!
    for (let count = 1; count < 1_000; count++) backplane.publish(String(count), message(''), kept)
    const { bytes, channels } = backplane.stats()
    expect(bytes).toBeLessThanOrEqual(100_000)
    expect(channels).toBeGreaterThan(100)
    expect(backplane.read('0', first - 1, 1)).toMatchObject({ messages: [], continuous: false, reason: 'trimmed' })
    expect(dataOf(backplane.read('999', 0, 1))).toEqual([''])
  })

  it('is freed by forget, and the channel continues', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ clock, retention: 'latest' })
    const before = backplane.publish('a', message('1'), kept).position!
    const position = backplane.publish('a', message('x'.repeat(10_000)), kept).position!
    backplane.forget('a')
    backplane.forget('unknown')
    expect(backplane.stats()).toMatchObject({ events: 0 })
    expect(backplane.stats().bytes).toBeLessThan(1_000)
    expect(backplane.read('a', before, 10)).toMatchObject({ messages: [], continuous: false, reason: 'trimmed' })
    expect(backplane.read('a', position, 10).continuous).toBe(true)
    expect(backplane.read('never seen', before, 10).continuous).toBe(true)
    expect(published(backplane, 'a').previous).toBe(position)
    backplane.forget('a')
    clock.advance(8 * 86_400_000)
    expect(backplane.stats()).toMatchObject({ channels: 0, bytes: 0 })
    expect(backplane.read('a', before, 10).continuous).toBe(false)
  })

  it('for idempotency keys is bounded, and freed without a publish', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ clock, maxTotalBytes: 400_000 })
    const publish = (key: number) =>
      backplane.publish('a', message(''), { retain: false, idempotencyKey: String(key) }).duplicate
    for (let key = 0; key < 10_000; key++) publish(key)
    const { bytes, idempotencyKeys, evictedKeys } = backplane.stats()
    expect(bytes).toBeLessThanOrEqual(100_000)
    expect(idempotencyKeys).toBeGreaterThan(800)
    expect(evictedKeys).toBe(10_000 - idempotencyKeys)
    expect([publish(0), publish(9_999)]).toEqual([false, true])
    clock.advance(302_000)
    expect(backplane.stats()).toMatchObject({ bytes: 0, idempotencyKeys: 0 })
    expect(clock.timers).toBe(0)
  })

  it.each([{ maxTotalBytes: -1 }, { idempotencyWindowMs: Number.NaN }])('refuses %j', (options) => {
    expect(() => new MemoryBackplane(options)).toThrow(/maxTotalBytes|idempotencyWindowMs/)
  })
})

it('remembers an idempotency key for its window', () => {
  const clock = createClock()
  const backplane = new MemoryBackplane({ clock, idempotencyWindowMs: 1_000 })
  const publish = (channel: string, idempotencyKey: string) =>
    backplane.publish(channel, message(''), { retain: true, idempotencyKey }).duplicate
  expect([publish('a', 'b:c'), publish('a:b', 'c')]).toEqual([false, false])
  clock.advance(999)
  expect(publish('a', 'b:c')).toBe(true)
  clock.advance(1)
  expect(publish('a', 'b:c')).toBe(false)
})
