import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../../test-support/random.js'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import type { Backplane, ReadResult } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { streamsOf } from '../event-manager.js'
import { replayStarts } from './join.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>

const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

/** The cursor of a client that leaves before the first event. */
const cursorOf = (messages: readonly SseMessage[]) => messages.at(-1)!.lastEventId

describe('the position at which a stream begins', () => {
  const state = { events: [{ type: 'log' as const, payload: { message: 'state' } }] }

  it.each<[how: string, options: Options, lastEventId?: string]>([
    ['alone', {}],
    ['with a replay of what there is not', { replay: 10 }],
    ['with a snapshot', { snapshot: () => state }],
    ['with an empty snapshot', { snapshot: () => ({ events: [] }) }],
    ['after a cursor that is none', {}, '???'],
    ['after a cursor from the future', {}, 'zzzzzzzzzz'],
  ])('reveals nothing about other channels: %s', async (_, options, lastEventId) => {
    const cursorAfter = async (others: number, setBackMs: number) => {
      const { manager, clock, connect } = createHarness({ events })
      await connect({ channels: ['mine'] })
      clock.advance(5_000)
      // More events than a millisecond has positions: the next positions are ahead of the clock.
      for (let count = 0; count < others; count++) {
        await manager.publish('log', { message: '' }, { channel: `other ${count % 3}` })
      }
      clock.setBack(setBackMs)
      clock.advance(10)
      return cursorOf((await connect({ ...options, channels: ['mine'] }, lastEventId)).messages)
    }
    for (const setBackMs of [0, 2_000]) {
      const cursor = await cursorAfter(0, setBackMs)
      expect(cursor).not.toBe('')
      expect([await cursorAfter(1, setBackMs), await cursorAfter(3_000, setBackMs)]).toEqual([cursor, cursor])
    }
  })

  it('separates earlier from later events, whatever the clock does', async () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = randomFrom(seed)
      const upTo = (limit: number) => Math.floor(random() * limit)
      const { manager, clock, connect, calm } = createHarness({ events }, seed)
      const channels = ['a', 'b'].slice(0, 1 + upTo(2))
      let last = 0
      const publish = async (channel: string) => {
        last++
        await manager.publish('log', { message: String(last) }, { channel })
        if (channels.includes(channel)) expected.push(String(last))
      }
      let expected: string[] = []
      const pass = async () => {
        const dice = random()
        if (dice < 0.2) clock.advance(upTo(3))
        else if (dice < 0.3) clock.advance(upTo(7_200_000))
        else if (dice < 0.4) clock.setBack(upTo(5_000))
        else if (dice < 0.5) for (let count = upTo(1_500); count > 0; count--) await publish('c')
        else await publish(['a', 'b', 'c'][upTo(3)]!)
      }
      for (let step = upTo(10); step > 0; step--) await pass()
      const snapshot = random() < 0.3 ? () => ({ events: [] }) : undefined
      const first = await connect({ channels, snapshot })
      const cursor = cursorOf(first.messages)
      first.sink.destroy()
      expected = []
      for (let step = upTo(4); step > 0; step--) await publish(['a', 'b', 'c'][upTo(3)]!)
      clock.setBack(upTo(2) * upTo(5_000))
      for (let step = upTo(4); step > 0; step--) await publish(['a', 'b', 'c'][upTo(3)]!)
      const again = await connect({ channels, snapshot }, cursor)
      await publish('a')
      await calm()
      expect([seed, texts(again.messages)]).toEqual([seed, expected])
      expect(controlEventsOf(again.messages)).toMatchObject([{ type: 'rivulet:open', recovered: true }])
    }
  })

  it('stays known when the clock is set back', async () => {
    const { clock, connect } = createHarness({ events })
    clock.advance(60_000)
    const first = await connect({ channels: ['a'] })
    clock.setBack(30_000)
    const again = await connect({ channels: ['a'] }, cursorOf(first.messages))
    expect(controlEventsOf(again.messages)).toMatchObject([{ type: 'rivulet:open', recovered: true }])
  })

  it('of a replay is just before the first replayed event', async () => {
    const { manager, clock, connect, calm } = createHarness({ events })
    await manager.publish('log', { message: '1' }, { channel: 'a' })
    await manager.publish('log', { message: 'hidden' }, { channel: 'other' })
    clock.advance(5)
    for (const message of ['2', '3']) await manager.publish('log', { message }, { channel: 'a' })
    const client = await connect({ channels: ['a', 'b'], replay: 2 })
    const again = await connect({ channels: ['a', 'b'] }, client.messages[0]!.lastEventId)
    await calm()
    expect(texts(again.messages)).toEqual(['2', '3'])
    expect(Number.parseInt(client.messages[0]!.lastEventId, 36)).toBe(
      Number.parseInt(client.messages[1]!.lastEventId, 36) - 1,
    )
  })

  it('can be resumed before anything else is published, if the backplane only reports the time', async () => {
    const memory = new MemoryBackplane()
    let storedPosition = memory.read('a', 0, 0).storedPosition
    // Like Redis, where the last position is always that of an event.
    const backplane: Backplane = Object.assign(Object.create(memory), {
      publish(...args: Parameters<MemoryBackplane['publish']>) {
        const result = memory.publish(...args)
        storedPosition = result.position ?? storedPosition
        return result
      },
      read: (...args: Parameters<MemoryBackplane['read']>) => ({
        ...memory.read(...args),
        clock: storedPosition + 5_000,
        storedPosition,
      }),
      subscribe: memory.subscribe.bind(memory),
      unsubscribe: memory.unsubscribe.bind(memory),
      seek: memory.seek.bind(memory),
      close: memory.close.bind(memory),
    })
    const { connect } = createHarness({ events, backplane })
    const first = await connect({ channels: ['a'] })
    const again = await connect({ channels: ['a'] }, cursorOf(first.messages))
    expect(controlEventsOf(again.messages)).toMatchObject([{ type: 'rivulet:open', recovered: true }])
    const forged = await connect({ channels: ['a'] }, 'zzzzzzzzzz')
    expect(controlEventsOf(forged.messages)).toMatchObject([{ recovered: false }, { reason: 'restarted' }])
  })
})

describe('a history that began anew', () => {
  const channels = ['a', 'b']
  const publish = (backplane: MemoryBackplane, channel: string, message: string) =>
    backplane.publish(channel, { type: 'log', data: JSON.stringify({ message }) }, { retain: true }).position!

  /** Lacks the events from one position up to another, as a replica does that lagged when it was promoted. */
  function withoutEvents(memory: MemoryBackplane, from: number, origin: number): Backplane {
    return Object.assign(Object.create(memory), {
      read(channel: string, after: number, limit: number): ReadResult {
        const { messages, lastPosition, ...facts } = memory.read(channel, after, 1_000)
        const kept = messages.filter(({ position }) => position < from || position > origin)
        const linked = kept.map((message) => ({
          ...message,
          previous: message.position > origin ? Math.max(message.previous, origin) : message.previous,
        }))
        const reason = 'restarted'
        const head = Math.max(lastPosition, origin)
        return { ...facts, messages: linked.slice(0, limit), lastPosition: head, continuous: after >= origin, reason }
      },
      subscribe: memory.subscribe.bind(memory),
      unsubscribe: memory.unsubscribe.bind(memory),
      seek: memory.seek.bind(memory),
      close: memory.close.bind(memory),
    })
  }

  /** The events and gaps that a client has of one channel. */
  const told = (messages: readonly SseMessage[], channel: string) =>
    messages.flatMap(({ event, data }) => {
      if (event === 'log') return JSON.parse(data).message.startsWith(channel) ? [JSON.parse(data).message] : []
      return event === 'rivulet:gap' && JSON.parse(data).channel === channel ? ['gap'] : []
    })
  /** Gaps may be told more often than once. */
  const once = (entries: readonly string[]) => entries.filter((entry, index) => entry !== entries[index - 1])

  it.each([0, 1, 300])('has its gap before the first of %i later events, behind the earlier ones', async (later) => {
    const memory = new MemoryBackplane({ retention: { maxEvents: 1_000 } })
    const cursor = publish(memory, 'a', 'a0')
    publish(memory, 'a', 'a1')
    publish(memory, 'a', 'a2')
    const from = publish(memory, 'a', 'a lost')
    const origin = publish(memory, 'a', 'a lost')
    const expected = Array.from({ length: later }, (_, index) => `a${index + 3}`)
    for (const message of expected) publish(memory, 'a', message)
    const { connect, calm } = createHarness({ events, backplane: withoutEvents(memory, from, origin) })
    const { messages } = await connect({ channels: ['a'] }, cursor.toString(36))
    await calm()
    expect(told(messages, 'a')).toEqual(['gap', 'a1', 'a2', 'gap', ...expected])
    expect(controlEventsOf(messages)[0]).toMatchObject({ type: 'rivulet:open', recovered: false })
  })

  it('has a gap on each channel, behind the earlier events of that channel', async () => {
    const memory = new MemoryBackplane({ retention: { maxEvents: 1_000 } })
    const cursor = publish(memory, 'a', 'a0')
    for (const message of ['a1', 'b1', 'a2', 'b2']) publish(memory, message[0]!, message)
    const from = publish(memory, 'a', 'a lost')
    const origin = publish(memory, 'b', 'b lost')
    for (const message of ['b3', 'a3', 'b4']) publish(memory, message[0]!, message)
    const { connect, calm } = createHarness({ events, backplane: withoutEvents(memory, from, origin) })
    const { messages } = await connect({ channels }, cursor.toString(36))
    await calm()
    for (const channel of channels) {
      const [first, second, third] = [1, 2, 3].map((n) => `${channel}${n}`)
      const entries = once(told(messages, channel).filter((entry) => entry !== 'b4'))
      const place = entries.indexOf(third!)
      expect(entries.filter((entry) => entry !== 'gap')).toEqual([first, second, third])
      expect(entries.slice(place - 1)).toEqual(['gap', third])
    }
  })
})

it('counts no gap that nobody was told about', async () => {
  const { manager, connect } = createHarness({ events })
  const snapshot = () => {
    throw new Error('no')
  }
  expect((await connect({ snapshot }, 'zzzzzzzzzz')).messages).toEqual([])
  expect(manager.stats().gaps).toBe(0)
  await connect({}, 'zzzzzzzzzz')
  expect(manager.stats()).toMatchObject({ gaps: 1, gapsByReason: { restarted: 1 } })
})

describe('a replay over all channels', () => {
  const channels = ['a', 'b', 'c']

  it.each([1, 2, 3, 4])('has the latest of them together, in order: history %i', async (seed) => {
    const random = randomFrom(seed)
    const { manager, connect } = createHarness({ events })
    const published: string[] = []
    for (let n = 0; n < 60; n++) {
      // One channel is quiet at the end, and one has few.
      const channel = random() < 0.1 ? 'c' : n < 40 && random() < 0.5 ? 'a' : 'b'
      await manager.publish('log', { message: `${n}` }, { channel })
      published.push(`${n}`)
    }
    for (const last of [1, 7, 30, 59, 60, 1_000]) {
      const { messages } = await connect({ channels, replay: { last } })
      expect(texts(messages), `the last ${last}`).toEqual(published.slice(-last))
      expect(controlEventsOf(messages)).toMatchObject([{ recovered: null, replayed: Math.min(last, 60) }])
    }
    expect(texts((await connect({ channels, replay: { last: 0 } })).messages)).toEqual([])
  })

  it('is followed by what is published next, also for a client that resumes at its beginning', async () => {
    const { manager, connect, calm } = createHarness({ events })
    for (const [index, channel] of ['a', 'b', 'a', 'b'].entries()) {
      await manager.publish('log', { message: `${index}` }, { channel })
    }
    const client = await connect({ channels, replay: { last: 2 } })
    await manager.publish('log', { message: '4' }, { channel: 'c' })
    await calm()
    expect(texts(client.messages)).toEqual(['2', '3', '4'])
    const again = await connect({ channels }, client.messages[0]!.lastEventId)
    expect(texts(again.messages)).toEqual(['2', '3', '4'])
  })

  it('tells of no gap where a channel keeps less than the others', async () => {
    const { manager, connect } = createHarness({
      events,
      retention: (channel: string) => ({ maxEvents: channel === 'a' ? 2 : 100 }),
    })
    for (const [index, channel] of ['b', 'a', 'a', 'a', 'a', 'b'].entries()) {
      await manager.publish('log', { message: `${index}` }, { channel })
    }
    const { messages } = await connect({ channels, replay: { last: 5 } })
    expect(texts(messages)).toEqual(['0', '3', '4', '5'])
    expect(controlEventsOf(messages)).toMatchObject([{ type: 'rivulet:open' }])
  })

  it('counts the channels that are added to a stream by themselves', async () => {
    const { manager } = createHarness({ events })
    for (const [index, channel] of ['a', 'b', 'b', 'a', 'c'].entries()) {
      await manager.publish('log', { message: `${index}` }, { channel })
    }
    const { backplane } = streamsOf(manager).runtime
    const starts = await replayStarts(backplane, ['a', 'b'], { last: 2 }, { read: (step) => step() as never })
    const read = async (channel: string) =>
      (await backplane.read(channel, starts!.get(channel)!, 10)).messages.map(({ data }) => JSON.parse(data).message)
    expect([await read('a'), await read('b')]).toEqual([['3'], ['2']])
  })
})
