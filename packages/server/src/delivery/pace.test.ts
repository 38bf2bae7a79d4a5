import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness, type TestConnection } from '../../test/harness.js'
import { dataOf } from '../../test/stream-client.js'
import { ConfigurationError } from '../runtime/errors.js'
import { type CoalescingOptions, Pace } from './pace.js'

const events = defineEvents({ log: z.object({ n: z.number() }), alarm: z.object({ n: z.number() }) })
const numbers = (messages: readonly SseMessage[], name = 'log') => dataOf(messages, name).map(({ n }) => n)

describe('the pause after a turn of writing', () => {
  const pauseAfter = (ms: number, writes: number, options?: CoalescingOptions) => {
    const pace = new Pace(options)
    pace.served(1_000, ms, writes)
    return pace.left(1_000)
  }

  it('grows with what the turn cost, up to the limit', () => {
    expect(pauseAfter(0, 40)).toBe(0)
    expect(pauseAfter(0, 100)).toBeCloseTo(2)
    expect(pauseAfter(0, 500)).toBeCloseTo(10)
    expect(pauseAfter(0, 100_000)).toBe(20)
    expect(pauseAfter(1, 3)).toBe(20)
    expect(pauseAfter(1, 3, { maxDelayMs: 5 })).toBe(5)
  })

  it('passes, also if the clock is set back', () => {
    const pace = new Pace()
    pace.served(1_000, 1, 1_000)
    expect(pace.left(1_015)).toBe(5)
    expect(pace.left(1_020)).toBe(0)
    expect(pace.left(5)).toBe(20)
  })

  it.each([{ maxDelayMs: 0 }, { maxDelayMs: 21 }, { maxDelayMs: Number.NaN }, { urgent: 'alarm' as never }])(
    'refuses %o',
    (options) => {
      expect(() => new Pace(options)).toThrow(ConfigurationError)
    },
  )
})

describe('coalescing', () => {
  /** A manager whose writes to each of 100 connections take time. */
  async function start(coalescing: CoalescingOptions | boolean | undefined) {
    const harness = createHarness({ events, coalescing })
    const clients: TestConnection[] = []
    for (let count = 0; count < 100; count++) clients.push(await harness.connect())
    let writes = 0
    for (const { sink } of clients) {
      sink.onWrite = () => {
        if (++writes % 50 === 0) harness.clock.spend(1)
      }
    }
    const publish = (n: number) => {
      harness.manager.emit('log', { n })
      harness.clock.turn()
    }
    /** Lets every client read, and returns its messages. */
    const read = () => {
      for (const { sink } of clients) sink.take(Infinity)
      return clients.map(({ messages }) => messages)
    }
    return { ...harness, publish, read, writes: () => writes }
  }

  it('lets events wait for one write while writing is dear, and none for longer than the limit', async () => {
    const { clock, publish, read, writes } = await start(true)
    publish(1)
    expect(writes()).toBe(100)
    for (let n = 2; n <= 9; n++) {
      clock.advance(2)
      publish(n)
    }
    expect(writes()).toBe(100)
    clock.advance(4)
    expect(writes()).toBe(200)
    for (const messages of read()) expect(numbers(messages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    // Nothing was written for the length of the pause.
    clock.advance(25)
    publish(10)
    expect(writes()).toBe(300)
  })

  it('writes at the end of each turn by default', async () => {
    const { clock, publish, writes } = await start(undefined)
    for (let n = 1; n <= 5; n++) {
      publish(n)
      clock.advance(2)
    }
    expect(writes()).toBe(500)
  })

  it('does not delay an urgent event, and writes before it what waits', async () => {
    const { manager, clock, publish, read } = await start({ urgent: ['alarm'] })
    publish(1)
    publish(2)
    for (const messages of read()) expect(numbers(messages)).toEqual([1])
    manager.emit('alarm', { n: 3 })
    clock.turn()
    for (const messages of read()) {
      expect(messages.map(({ event }) => event).slice(-3)).toEqual(['log', 'log', 'alarm'])
    }
  })

  it('does not delay whoever joins', async () => {
    const { manager, connect, publish } = await start(true)
    await manager.publish('log', { n: 1 })
    publish(2)
    publish(3)
    const late = await connect({ replay: 10 })
    expect(numbers(late.messages)).toEqual([1, 2, 3])
  })

  it('counts its writes', async () => {
    const { manager, clock, publish } = await start(true)
    const before = manager.stats()
    for (let n = 1; n <= 4; n++) publish(n)
    clock.advance(20)
    const { writes, deliveries } = manager.stats()
    expect([writes - before.writes, deliveries - before.deliveries]).toEqual([200, 400])
  })
})
