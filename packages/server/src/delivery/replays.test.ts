import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { heapInUse } from '../../test/heap.js'
import { type SimulatedClock, SimulatedSink } from '../../test/simulation.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import type { Backplane, ReadResult, StoredMessage } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import type { Payload } from '../sinks/payload.js'
import { Replays } from './replays.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

/** Records the large payloads that connections get from now on, in order. */
function watchPayloads(): () => Payload[] {
  const write = vi.spyOn(SimulatedSink.prototype, 'write')
  onTestFinished(() => void write.mockRestore())
  return () => {
    const payloads = write.mock.calls.map(([payload]) => payload).filter(({ bytes }) => bytes.length > 10_000)
    write.mockClear()
    return payloads
  }
}

/** Limits how much readers take at a time. Returns the number of bytes that were written to them. */
function watchReading(rate: number): () => number {
  const { take } = SimulatedSink.prototype
  const taken = vi.spyOn(SimulatedSink.prototype, 'take').mockImplementation(function (this: SimulatedSink, count) {
    take.call(this, Math.min(count, rate))
  })
  const write = vi.spyOn(SimulatedSink.prototype, 'write')
  onTestFinished(() => {
    taken.mockRestore()
    write.mockRestore()
  })
  return () => write.mock.calls.reduce((sum, [{ bytes }]) => sum + bytes.length, 0)
}

/** A log of `count` events, and their ids. */
async function createLog(count: number, chars: number) {
  const harness = createHarness({ events, retention: { maxEvents: 100_000, maxBytes: 1e9 } })
  const ids: string[] = []
  for (let index = 0; index < count; index++) {
    const message = `${index} ${'x'.repeat(chars)}`
    ids.push((await harness.manager.publish('log', { message })).id!)
  }
  return { ...harness, ids }
}

describe('streams that are given the log', () => {
  it('get the same bytes, and soon do even if they begin at different positions', async () => {
    const { connect, ids } = await createLog(300, 500)
    const payloads = watchPayloads()
    const first = await connect({}, ids[0])
    expect(texts(first.messages)).toHaveLength(299)
    const known = payloads()
    expect(known).toHaveLength(3)
    await connect({}, ids[0])
    expect(payloads()).toEqual(known)
    await connect({ channels: ['default', 'quiet'] }, ids[0])
    expect(payloads().every((payload) => known.includes(payload))).toBe(true)
    const later = await connect({}, ids[50])
    expect(texts(later.messages)).toHaveLength(249)
    expect(payloads().filter((payload) => !known.includes(payload))).toHaveLength(1)
  })

  it('get the same bytes if they begin within another stream’s piece', async () => {
    const { connect, ids } = await createLog(300, 500)
    const payloads = watchPayloads()
    await connect({}, ids[0])
    const known = payloads()
    await connect({}, ids[50])
    const later = payloads()
    await connect({}, ids[50])
    expect(payloads().map((payload) => later.indexOf(payload))).toEqual(later.map((_, index) => index))
    for (let start = 100; start > 0; start -= 10) await connect({}, ids[start])
    payloads()
    await connect({}, ids[5])
    expect(payloads()).toHaveLength(known.length)
  })

  it('get one piece if they arrive one by one while events are published', async () => {
    const { manager, connect, ids } = await createLog(1, 10)
    const payloads = watchPayloads()
    for (let count = 0; count < 20; count++) {
      await manager.publish('log', { message: 'x'.repeat(1_000) })
      await connect({}, ids[0])
    }
    payloads()
    await connect({}, ids[0])
    expect(payloads()).toHaveLength(1)
  })

  it('get the parts of a large event as the same bytes, whatever else they receive', async () => {
    const { manager, connect, calm, ids } = await createLog(1, 10)
    const payloads = watchPayloads()
    const stalled = await connect()
    stalled.sink.take = () => {}
    await manager.publish('log', { message: 'before' })
    await manager.publish('log', { message: 'x'.repeat(300_000) })
    await manager.publish('log', { message: 'behind' })
    await calm()
    // Dropped by now, if it did not wait in the first connection.
    for (let count = 0; count < 40; count++) await manager.publish('log', { message: 'x'.repeat(100_000) })
    for (const channels of [['default'], ['default', 'other']]) {
      await connect({ channels }, ids[0])
      await connect({ channels, filter: () => true }, ids[0])
    }
    const large = payloads().filter(({ bytes }) => bytes.length > 200_000)
    expect(large).toHaveLength(5)
    expect(new Set(large).size).toBe(1)
  })

  it('have their filter called once per event, and each event is decoded once for all', async () => {
    const { connect } = await createLog(60, 10)
    const parse = vi.spyOn(JSON, 'parse')
    onTestFinished(() => void parse.mockRestore())
    let asked = 0
    let parsed = 0
    for (let count = 0; count < 4; count++) {
      const client = await connect({
        replay: 60,
        filter: ({ message }) => {
          asked++
          return message.startsWith('1')
        },
      })
      parsed += parse.mock.calls.length
      expect(controlEventsOf(client.messages)[0]).toMatchObject({ replayed: texts(client.messages).length })
      expect(texts(client.messages)).toHaveLength(11)
      parse.mockClear()
    }
    expect(asked).toBe(4 * 60)
    expect(parsed).toBe(60)
  })

  it.each([Infinity, 20_000])(
    'have their filter called once for each event of a long history, reading %s bytes a turn',
    async (rate) => {
      const { manager, connect, calm } = await createLog(1_000, 1_000)
      const asked: string[] = []
      const read = watchReading(rate)
      const filter = ({ message }: { message: string }) => {
        asked.push(message)
        return !message.startsWith('1')
      }
      const client = await connect({ replay: 1_000, filter })
      while (texts(client.messages).length < 889) await calm()
      expect(asked).toHaveLength(1_000)
      expect(new Set(asked).size).toBe(1_000)
      expect(read()).toBeGreaterThan(800_000)
      await manager.publish('log', { message: 'live' })
      await calm()
      expect(texts(client.messages).at(-1)).toBe('live')
      expect(asked).toHaveLength(1_001)
    },
  )

  it('share pieces of several channels', async () => {
    const { manager, connect, ids } = await createLog(50, 500)
    for (let count = 0; count < 50; count++) {
      await manager.publish('log', { message: 'x'.repeat(500) }, { channel: count % 2 ? 'other' : 'default' })
    }
    const payloads = watchPayloads()
    const channels = ['default', 'other']
    const first = await connect({ channels }, ids[0])
    expect(texts(first.messages)).toHaveLength(99)
    const known = payloads()
    await connect({ channels }, ids[0])
    const again = payloads()
    expect(again).toHaveLength(known.length)
    expect(again.every((payload) => known.includes(payload))).toBe(true)
    await connect({ channels: ['default'] }, ids[0])
    expect(payloads().some((payload) => known.includes(payload))).toBe(false)
  })

  it('are told how many events follow, even if these exceed the cache', async () => {
    const { connect, calm } = await createLog(1_000, 1_000)
    const filter = ({ message }: { message: string }) => !message.startsWith('1')
    for (const options of [{}, { filter }, { channels: ['default', 'quiet'] }]) {
      const client = await connect({ replay: 1_000, ...options })
      await calm()
      const { length } = texts(client.messages)
      expect(length).toBe('filter' in options ? 889 : 1_000)
      expect(controlEventsOf(client.messages)[0]).toMatchObject({ replayed: length })
    }
  })
})

describe('a slow stream', () => {
  it.each([false, true])('reads about as much of the log as it receives; filter: %s', async (filtered) => {
    const backplane: Backplane = new MemoryBackplane({ retention: { maxBytes: 1e9 } })
    const read = backplane.read.bind(backplane)
    let chars = 0
    backplane.read = (...given) => {
      const result = read(...given) as ReadResult
      for (const { data } of result.messages) chars += data.length
      return result
    }
    const { manager, connect, calm } = createHarness({ events, backplane })
    for (let count = 0; count < 800; count++) await manager.publish('log', { message: 'x'.repeat(10_000) })
    const client = await connect({ replay: 1_000, ...(filtered && { filter: () => true }) })
    for (let turn = 0; turn < 300 && client.messages.length < 801; turn++) await calm()
    expect(client.messages).toHaveLength(801)
    // Once to count them, once to give them, and what was read and not given at once.
    expect(chars / 8_000_000).toBeLessThan(4)
  })
})

describe('a slow filter', () => {
  /** A filter that takes a millisecond, and the longest time that it took in one turn. */
  function createSlowFilter(clock: SimulatedClock) {
    const turn = clock.turn.bind(clock)
    let spent = 0
    let longest = 0
    clock.turn = () => {
      spent = 0
      turn()
    }
    const filter = () => {
      clock.spend(1)
      longest = Math.max(longest, ++spent)
      return true
    }
    return { filter, longestTurn: () => longest }
  }
  /** The shares of requests and of writers in a turn, and the events asked about between two looks at the clock for each. */
  const turnMs = 10 + 10 + 2 * 8

  it('is called for a few events a turn when a stream joins', async () => {
    const { clock, connect, calm } = await createLog(500, 10)
    const { filter, longestTurn } = createSlowFilter(clock)
    const client = await connect({ replay: 500, filter })
    while (texts(client.messages).length < 500) await calm()
    expect(longestTurn()).toBeGreaterThan(0)
    expect(longestTurn()).toBeLessThanOrEqual(turnMs)
  })

  it.each([
    ['log', 600],
    ['queue', 100],
  ])('is called for a few events a turn when a stream catches up from the %s', async (_, count) => {
    const { manager, clock, connect, calm, errors } = await createLog(1, 10)
    const { filter, longestTurn } = createSlowFilter(clock)
    const client = await connect({ filter })
    const { sink } = client
    const take = sink.take.bind(sink)
    sink.take = () => {}
    for (let index = 0; index < 30; index++) await manager.publish('log', { message: 'x'.repeat(10_000) })
    await calm()
    expect([...manager.connections.values()].map(({ state }) => state)).toEqual(['lagging'])
    for (let index = 0; index < count; index++) await manager.publish('log', { message: 'x' })
    await calm()
    sink.take = take
    while (texts(client.messages).length < 30 + count) await calm()
    expect(longestTurn()).toBeLessThanOrEqual(turnMs)
    expect(errors).toEqual([])
  })
})

describe('what is remembered', () => {
  const message = (position: number, data: string) => ({ position, previous: position - 1, type: 'log', data })
  const eventsOf = (channel: string, messages: readonly StoredMessage[]) => ({
    channels: [channel],
    group: channel,
    messages,
    channelOf: () => channel,
  })

  it('is reused for exactly the same events', () => {
    const replays = new Replays()
    const [one, two] = [message(1, '{"n":1}'), message(2, '{"n":2}')]
    const frame = replays.frame('a', one)
    expect(replays.frame('a', { ...one })).toBe(frame)
    expect(replays.frame('b', one)).not.toBe(frame)
    expect(replays.frame('b', message(1, '{"n":9}')).text).toContain('{"n":9}')
    const part = replays.part(eventsOf('a', [one, two]), 0)
    expect(replays.part(eventsOf('a', [one, { ...two }]), 0)).toBe(part)
    expect(replays.part(eventsOf('a', [one]), 0).events).toBe(1)
    expect(replays.part(eventsOf('b', [one, two]), 0)).not.toBe(part)
    const other = replays.part(eventsOf('a', [one, message(2, '{"n":7}')]), 0)
    expect(new TextDecoder().decode(other.payload.bytes)).toContain('{"n":7}')
  })

  it('is bounded, including the overhead of small events', async () => {
    const before = await heapInUse()
    const replays = new Replays()
    let decoded = 0
    for (let position = 1; position <= 50_000; position++) {
      const one = message(position, `{"n":${position}}`)
      replays.part(eventsOf('a', [one]), 0)
      decoded += Number(replays.frame('a', one).event!.n === position)
    }
    expect(decoded).toBe(50_000)
    expect((await heapInUse()) - before).toBeLessThan(12 * 2 ** 20)
    replays.trim()
  })

  it('is forgotten with its channel', () => {
    const replays = new Replays()
    const pieces = () =>
      ['a', 'b'].map((channel, index) => replays.part(eventsOf(channel, [message(index + 1, '{}')]), 0))
    const frames = () => ['a', 'b'].map((channel, index) => replays.frame(channel, message(index + 1, '{}')))
    const [before, framesBefore] = [pieces(), frames()]
    replays.forget('a')
    expect(pieces().map((piece, index) => piece === before[index])).toEqual([false, true])
    expect(frames().map((frame, index) => frame === framesBefore[index])).toEqual([false, true])
  })

  it('is forgotten when the manager forgets a channel', async () => {
    const forget = vi.spyOn(Replays.prototype, 'forget')
    onTestFinished(() => void forget.mockRestore())
    const { manager } = createHarness({ events })
    await manager.forget('a')
    expect(forget).toHaveBeenCalledExactlyOnceWith('a')
  })

  it('is bounded, except for what waits in connections', () => {
    const replays = new Replays()
    const held = replays.frame('a', message(1, 'x'.repeat(100_000)))
    held.payload.holders++
    const free = replays.frame('a', message(2, 'x'.repeat(100_000)))
    const part = replays.part(eventsOf('a', [message(3, 'x'.repeat(60_000))]), 0)
    for (let position = 4; position < 100; position++) {
      replays.frame('a', message(position, 'x'.repeat(60_000)))
      replays.part(eventsOf('a', [message(position, 'x'.repeat(60_000))]), 0)
    }
    expect(replays.frame('a', message(1, 'x'.repeat(100_000)))).toBe(held)
    expect(replays.frame('a', message(2, 'x'.repeat(100_000)))).not.toBe(free)
    expect(replays.part(eventsOf('a', [message(3, 'x'.repeat(60_000))]), 0)).not.toBe(part)
  })
})
