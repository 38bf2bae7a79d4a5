import { describe, expect, it, vi } from 'vitest'
import { MemoryBackplane } from './memory-backplane.js'
import type { Retention } from './retention.js'

const kept = { retain: true } as const
const message = (data: string) => ({ type: 'log', data })
const dataOf = ({ messages }: { messages: readonly { data: string }[] }) => messages.map(({ data }) => data)

function createClock() {
  let time = 1_700_000_000_000
  return {
    now: () => time,
    pass(ms: number) {
      time += ms
    },
  }
}

describe('positions', () => {
  it('follow the clock, and rise even when it is set back', () => {
    const clock = createClock()
    const backplane = new MemoryBackplane({ now: clock.now })
    const first = backplane.publish('a', message('1'), kept).seq!
    expect(first).toBe(clock.now() * 1024 + 1)
    clock.pass(1_000)
    expect(backplane.publish('a', message('2'), kept).seq).toBe(clock.now() * 1024)
    clock.pass(-60_000)
    expect(backplane.publish('b', message('3'), kept).seq).toBe((clock.now() + 60_000) * 1024 + 1)
  })

  it('go on rising after a restart', () => {
    const clock = createClock()
    const before = new MemoryBackplane({ now: clock.now })
    let last = 0
    for (let count = 0; count < 900; count++) last = before.publish('a', message(''), kept).seq!
    clock.pass(1)
    expect(new MemoryBackplane({ now: clock.now }).publish('a', message(''), kept).seq).toBeGreaterThan(last)
  })
})

describe('retention', () => {
  it('bounds the number, the size and the age of what is kept', () => {
    const clock = createClock()
    const keptBy = (retention: Retention) => {
      const backplane = new MemoryBackplane({ retention, now: clock.now })
      for (let count = 0; count < 10; count++) {
        backplane.publish('a', message(String(count)), kept)
        clock.pass(1_000)
      }
      return dataOf(backplane.read('a', 0, 100))
    }
    expect(keptBy({ maxEvents: 3 })).toEqual(['7', '8', '9'])
    expect(keptBy({ maxBytes: 8 })).toEqual(['8', '9'])
    expect(keptBy({ maxAgeMs: 4_500 })).toEqual(['6', '7', '8', '9'])
    expect(keptBy('latest')).toEqual(['9'])
    expect(keptBy('none')).toEqual([])
  })

  it('may be a function of the channel, which is asked once for a channel that keeps something', () => {
    const retention = vi.fn((channel: string) => (channel === 'price' ? ('latest' as const) : {}))
    const backplane = new MemoryBackplane({ retention })
    for (const data of ['1', '2']) {
      for (const channel of ['price', 'log']) backplane.publish(channel, message(data), kept)
    }
    expect(dataOf(backplane.read('price', 0, 10))).toEqual(['2'])
    expect(dataOf(backplane.read('log', 0, 10))).toEqual(['1', '2'])
    expect(retention).toHaveBeenCalledTimes(2)
  })

  it.each([{ maxEvents: -1 }, { maxBytes: Number.NaN }, { maxAgeMs: '1h' as never }])('refuses %j', (retention) => {
    expect(() => new MemoryBackplane({ retention })).toThrow(/retention\./)
  })
})

describe('memory', () => {
  it('forgets channels whose events are too old, and claims no continuity for them', () => {
    const clock = createClock()
    const retention = vi.fn(() => ({ maxAgeMs: 60_000 }))
    const backplane = new MemoryBackplane({ retention, now: clock.now })
    const { seq } = backplane.publish('once', message('1'), kept)
    clock.pass(1)
    for (let count = 0; count < 1_000; count++) backplane.publish(`user:${count}`, message(''), kept)
    clock.pass(60_001)
    for (let count = 0; count < 1_000; count++) backplane.publish('busy', message(''), kept)
    const asked = retention.mock.calls.length
    expect(backplane.read('once', seq!, 10)).toMatchObject({ messages: [], continuous: false, reason: 'trimmed' })
    backplane.publish('once', message('2'), kept)
    expect(retention.mock.calls.length).toBe(asked + 1)
    const { messages, continuous } = backplane.read('once', seq!, 10)
    expect([messages.map(({ data }) => data), continuous]).toEqual([['2'], false])
  })

  it('is not taken by channels that are only read or subscribed to', () => {
    const retention = vi.fn(() => ({}))
    const backplane = new MemoryBackplane({ retention })
    const subscriber = { onMessage: () => {}, onGap: () => {}, onHealth: () => {} }
    for (let count = 0; count < 1_000; count++) {
      backplane.subscribe(`made up ${count}`, subscriber)
      backplane.read(`made up ${count}`, 0, 10)
      backplane.unsubscribe(`made up ${count}`, subscriber)
    }
    expect(retention).not.toHaveBeenCalled()
  })
})

it('remembers an idempotency key for its window', () => {
  const clock = createClock()
  const backplane = new MemoryBackplane({ now: clock.now, idempotencyWindowMs: 1_000 })
  const publish = (channel: string, idempotencyKey: string) =>
    backplane.publish(channel, message(''), { retain: true, idempotencyKey }).duplicate
  expect([publish('a', 'b:c'), publish('a:b', 'c')]).toEqual([false, false])
  clock.pass(999)
  expect(publish('a', 'b:c')).toBe(true)
  clock.pass(1)
  expect(publish('a', 'b:c')).toBe(false)
})
