import { defineEvents, EventValidationError, encodeControlEvent, type GapEvent, UnknownEventError } from '@rivulet/core'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import type { FakeClock } from '../../testing/src/fake-clock.js'
import { until, useHarness } from '../test/harness.js'
import { frame, openFrame, type SseServer } from '../test/sse-server.js'
import { type ConnectionState, EventStreamService, type EventStreamServiceOptions } from './index.js'
import { reportTo } from './runtime/report-to.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  tick: z.object({ n: z.number() }),
  /** Answers later, the longer the more `ms`. */
  slow: z.object({ n: z.number() }).refine(async ({ n }) => {
    for (let turn = 0; turn < 10 - n; turn++) await null
    return n >= 0
  }),
})

const harness = useHarness()
const streams: EventStreamService<typeof events>[] = []
let server: SseServer
let clock: FakeClock

beforeEach(() => {
  ;({ server, clock } = harness)
})

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close()
})

function createStream(options: Partial<EventStreamServiceOptions<typeof events>> = {}) {
  const stream = new EventStreamService({ url: server.url, events, clock, ...options })
  stream.onError(() => {})
  streams.push(stream)
  return stream
}

function ticks(stream: EventStreamService<typeof events>): number[] {
  const received: number[] = []
  stream.on(events.tick, ({ n }) => received.push(n))
  return received
}

describe('events', () => {
  test('arrive flat, typed and validated', async () => {
    const stream = createStream()
    const received: unknown[] = []
    stream.on('log', (event) => received.push(event))
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + frame('log', { message: 'hello' }, 'a1'))
    await until(() => received.length === 1)
    expect(received).toEqual([
      { id: 'a1', type: 'log', timestamp: 1_700_000_000_000, source: 'test', message: 'hello' },
    ])
    expect(stream.lastEventId).toBe('a1')
  })

  test('that do not fit their schema are reported, and the stream continues', async () => {
    const stream = createStream()
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    const received = ticks(stream)
    stream.connect()
    await server.open()
    server.stream.write(`${frame('tick', { n: 'one' })}event: tick\ndata: {\n\n${frame('tick', { n: 3 })}`)
    await until(() => received.length === 1)
    expect(received).toEqual([3])
    expect(errors).toHaveLength(2)
    expect(errors[0]).toBeInstanceOf(EventValidationError)
    expect(errors[0]).toMatchObject({ type: 'tick', issues: [{ path: ['n'] }] })
    expect(errors[1]).toMatchObject({ type: 'tick', issues: [{ message: 'the data is not a JSON object' }] })
  })

  test('keep their order with asynchronous schemas', async () => {
    const stream = createStream()
    const received: unknown[] = []
    stream.onAny((event) => received.push('n' in event ? event.n : undefined))
    stream.connect()
    await server.open()
    server.stream.write([1, 9, 2].map((n) => frame('slow', { n })).join('') + frame('tick', { n: 4 }))
    await until(() => received.length === 4)
    expect(received).toEqual([1, 9, 2, 4])
  })

  test('without a position have no id and do not move the cursor', async () => {
    const stream = createStream()
    const ids: unknown[] = []
    stream.on('tick', ({ id }) => ids.push(id))
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + frame('tick', { n: 1 }) + frame('tick', { n: 2 }, 'a') + frame('tick', { n: 3 }))
    await until(() => ids.length === 3)
    expect(ids).toEqual([undefined, 'a', undefined])
    expect(stream.lastEventId).toBe('a')
  })

  test('that are heartbeats are not delivered', async () => {
    const stream = createStream()
    const calls: unknown[] = []
    stream.onError((error) => calls.push(error))
    stream.onMessage(({ event }) => calls.push(event))
    stream.onAny(() => {})
    stream.connect()
    await server.open()
    server.stream.write(`${openFrame()}event: heartbeat\ndata\n\n${frame('tick', { n: 1 })}`)
    await until(() => calls.length === 1)
    expect(calls).toEqual(['tick'])
  })

  const padding = 'x'.repeat(200)
  test.each([
    ['with its ID in front', `id: b\nevent: tick\ndata: {"padding":"${padding}"}\n\n`, 'b'],
    ['with its ID behind', `event: tick\ndata: {"padding":"${padding}"}\nid: b\n\n`, 'b'],
    ['without an ID', `event: tick\ndata: {"padding":"${padding}"}\n\n`, 'a'],
    ['with a name too long', `event: ${padding}\ndata: {}\n\n`, 'a'],
  ])('that are too large are skipped, with a gap in their place: %s', async (_, tooLarge, cursor) => {
    const stream = createStream({ maxEventBytes: 200 })
    const calls: unknown[] = []
    stream.onError((error) => calls.push((error as { code: string }).code))
    stream.onGap(({ reason }) => calls.push(reason))
    stream.on('tick', ({ n }) => calls.push(n))
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + frame('tick', { n: 1 }, 'a') + tooLarge)
    await until(() => calls.length === 3)
    expect(stream.lastEventId).toBe(cursor)
    server.stream.write(frame('tick', { n: 3 }, 'c'))
    await until(() => calls.length === 4)
    expect(calls).toEqual([1, 'oversized', 'RIVULET_EVENT_TOO_LARGE', 3])
    expect(stream.state.gap).toMatchObject({ reason: 'oversized' })
    expect(stream.status).toBe('open')
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    ['reconnects', (stream: EventStreamService<typeof events>) => stream.reconnect()],
    [
      'closes and connects',
      (stream: EventStreamService<typeof events>) => {
        stream.close()
        stream.connect()
      },
    ],
  ])('that are too large are skipped once, even if the listener of the gap %s', async (_, act) => {
    const stream = createStream({ maxEventBytes: 200 })
    const gaps: string[] = []
    stream.onGap(({ reason }) => {
      gaps.push(reason)
      act(stream)
    })
    const received = ticks(stream)
    const tooLarge = `id: b\nevent: tick\ndata: {"padding":"${padding}"}\n\n`
    server.answer = ({ headers }, response) => {
      const isNew = headers['last-event-id'] !== 'b'
      server.accept(response).write(openFrame() + (isNew ? tooLarge : frame('tick', { n: 2 }, 'c')))
    }
    stream.connect()
    await until(() => received.length === 1)
    expect(server.cursors).toEqual([undefined, 'b'])
    expect(gaps).toEqual(['oversized'])
    expect(stream.lastEventId).toBe('c')
  })

  test('of a snapshot that are too large do not keep the stream from opening', async () => {
    const stream = createStream({ maxEventBytes: 200 })
    const calls: unknown[] = []
    stream.onGap(({ reason }) => calls.push(reason))
    stream.onLive(() => calls.push('live'))
    stream.on('tick', ({ n, replayed }) => calls.push(replayed ? `${n} replayed` : n))
    const tooLarge = `event: tick\ndata: {"padding":"${padding}"}\n\n`
    server.answer = (_, response) =>
      server
        .accept(response)
        .write(openFrame({ replayed: 2 }) + frame('tick', { n: 1 }) + tooLarge + frame('tick', { n: 3 }, '3'))
    stream.connect()
    await until(() => stream.lastEventId === '3')
    expect(calls).toEqual(['1 replayed', 'oversized', 'live', 3])
    expect(stream.status).toBe('open')
    expect(server.requests).toHaveLength(1)
  })

  test.each(['comment', 'unknown field'])('survive a %s that is too large', async (what) => {
    const stream = createStream({ maxEventBytes: 200 })
    const onGap = vi.fn()
    stream.onGap(onGap)
    const received = ticks(stream)
    stream.connect()
    await server.open()
    const excess = `${what === 'comment' ? '' : 'unknown'}: ${padding.repeat(5)}\n`
    server.stream.write(
      `${openFrame()}id: a\nevent: tick\n${excess}data: {"n":1}\n\n${excess}${frame('tick', { n: 2 })}`,
    )
    await until(() => received.length === 2)
    expect(received).toEqual([1, 2])
    expect(onGap).not.toHaveBeenCalled()
  })

  test('keep the previous ID in a foreign stream', async () => {
    const stream = createStream()
    const ids: (string | undefined)[] = []
    stream.onAny(({ id }) => ids.push(id))
    stream.connect()
    await server.open()
    server.stream.write(frame('tick', { n: 1 }, 'a') + frame('tick', { n: 2 }, 'a') + frame('tick', { n: 3 }))
    server.stream.write(`id: b\n\n${frame('tick', { n: 4 })}`)
    await until(() => ids.length === 4)
    expect(ids).toEqual(['a', 'a', undefined, undefined])
    expect(stream.lastEventId).toBe('b')
  })

  test('without a handler are not even parsed', async () => {
    const stream = createStream()
    const onError = vi.fn()
    stream.onError(onError)
    const received = ticks(stream)
    stream.connect()
    await server.open()
    server.stream.write(`event: log\ndata: not JSON\n\n${frame('tick', { n: 1 })}`)
    await until(() => received.length === 1)
    expect(onError).not.toHaveBeenCalled()
  })

  test('missing from the contract are reported once per name', async () => {
    const stream = createStream()
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    const received: string[] = []
    stream.onAny(({ type }) => received.push(type))
    stream.connect()
    await server.open()
    server.stream.write(frame('new', {}) + frame('new', {}) + frame('tick', { n: 1 }))
    await until(() => received.length === 1)
    expect(errors).toEqual([expect.any(UnknownEventError)])
    expect(() => stream.on('new' as 'tick', () => {})).toThrow(UnknownEventError)
  })
})

describe('handlers', () => {
  test('that throw or reject are reported and do not stop others', async () => {
    const stream = createStream()
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    stream.on('tick', () => {
      throw 'thrown'
    })
    stream.on('tick', async () => {
      throw 'rejected'
    })
    const received = ticks(stream)
    stream.connect()
    await server.open()
    server.stream.write(frame('tick', { n: 1 }) + frame('tick', { n: 2 }))
    await until(() => errors.length === 4)
    expect(received).toEqual([1, 2])
    expect(errors).toEqual(['thrown', 'thrown', 'rejected', 'rejected'])
    expect(stream.status).toBe('open')
  })

  test('unsubscribe by off, by the returned function, by signal, and after once', async () => {
    const stream = createStream()
    const calls: string[] = []
    const off = () => calls.push('off')
    const controller = new AbortController()
    stream.on('tick', off)
    const undo = stream.on('tick', () => calls.push('undo'))
    stream.on('tick', () => calls.push('signal'), { signal: controller.signal })
    stream.once('tick', () => calls.push('once'))
    stream.onAny(({ type }) => calls.push(`any ${type}`))
    stream.connect()
    await server.open()
    server.stream.write(frame('tick', { n: 1 }))
    await until(() => calls.length === 5)
    stream.off('tick', off)
    undo()
    controller.abort()
    server.stream.write(frame('tick', { n: 2 }))
    await until(() => calls.length === 6)
    expect(calls).toEqual(['off', 'undo', 'signal', 'once', 'any tick', 'any tick'])
  })

  test('close() in a handler stops delivery after the current event, and connect() continues behind it', async () => {
    const stream = createStream()
    const calls: string[] = []
    stream.on('tick', ({ n }) => {
      calls.push(`first ${n}`)
      if (n === 2) stream.close()
    })
    stream.on('tick', ({ n }) => calls.push(`second ${n}`))
    stream.onAny(() => calls.push('any'))
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + ['1', '2', '3'].map((id) => frame('tick', { n: Number(id) }, id)).join(''))
    await until(() => stream.status === 'closed')
    await server.open(0)
    expect(calls).toEqual(['first 1', 'second 1', 'any', 'first 2', 'second 2', 'any'])
    stream.connect()
    await server.open()
    expect(server.cursors).toEqual([undefined, '2'])
  })

  test('close() in onMessage loses nothing for the others, also after connect()', async () => {
    const stream = createStream()
    const received = ticks(stream)
    stream.onMessage(({ lastEventId }) => {
      if (lastEventId !== '1') return
      stream.close()
      stream.connect()
    })
    server.answer = ({ headers }, response) => {
      const next = Number(headers['last-event-id'] ?? 0) + 1
      server
        .accept(response)
        .write(frame('tick', { n: next }, `${next}`) + frame('tick', { n: next + 1 }, `${next + 1}`))
    }
    stream.connect()
    await until(() => received.length === 3)
    expect(received).toEqual([1, 2, 3])
  })

  test('get state changes in order, even if one of them closes the stream', async () => {
    const stream = createStream()
    const seen: string[] = []
    stream.onStatusChange(({ status }) => {
      if (status === 'open') stream.close()
    })
    stream.onStatusChange(({ status }, { status: before }) => seen.push(`${before} → ${status}`))
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(seen).toEqual(['idle → connecting', 'connecting → open', 'open → closed'])
  })

  test('close() while a schema is pending requests the event again', async () => {
    const stream = createStream()
    const received: number[] = []
    stream.on('slow', ({ n }) => received.push(n))
    stream.on('log', () => stream.close())
    stream.connect()
    await server.open()
    const slow = frame('slow', { n: 3 }, '3')
    server.stream.write(openFrame() + frame('slow', { n: 1 }, '1') + frame('log', { message: 'close' }, '2') + slow)
    await until(() => stream.status === 'closed')
    await server.open(0)
    stream.connect()
    await server.open()
    expect(server.cursors.at(-1)).toBe('2')
    server.stream.write(openFrame() + slow)
    await until(() => received.length === 2)
    expect(received).toEqual([1, 3])
  })
})

describe('reconnection', () => {
  test('resumes at its cursor, after the server’s retry delay', async () => {
    const stream = createStream()
    const received = ticks(stream)
    const states: ConnectionState[] = []
    stream.onStatusChange((state) => states.push(state))
    stream.connect()
    await server.open()
    server.stream.write(openFrame({}, 2_000) + frame('tick', { n: 1 }, '1'))
    await until(() => received.length === 1)
    clock.chance = 0.5
    server.drop()
    await until(() => stream.status === 'waiting')
    expect(stream.state).toMatchObject({ attempt: 1, retryAt: clock.now() + 2_500, lastEventId: '1' })
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
    clock.advance(2_499)
    expect(stream.status).toBe('waiting')
    clock.advance(1)
    await server.open()
    expect(server.cursors).toEqual([undefined, '1'])
    server.stream.write(openFrame({ recovered: true, replayed: 1 }) + frame('tick', { n: 2 }, '2'))
    await until(() => received.length === 2)
    expect(stream.state).toMatchObject({ status: 'open', attempt: 1, error: undefined, recovered: true })
    clock.advance(5_000)
    expect(stream.state.attempt).toBe(0)
    expect(states.map(({ status }) => status)).toEqual([
      'connecting',
      'open',
      'open',
      'waiting',
      'connecting',
      'open',
      'open',
      'open',
    ])
  })

  test('drops delivered events by position', async () => {
    const stream = createStream()
    const received = ticks(stream)
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + frame('tick', { n: 1 }, 'z') + frame('tick', { n: 2 }, '10'))
    await until(() => received.length === 2)
    stream.reconnect()
    await server.open(1)
    await until(() => server.requests.length === 2)
    server.stream.write(openFrame() + frame('tick', { n: 2 }, '10') + frame('tick', { n: 3 }, '11'))
    await until(() => received.length === 3)
    expect(received).toEqual([1, 2, 3])
  })

  test('reports gaps in order, and accepts lower positions after a restart', async () => {
    const stream = createStream()
    const calls: unknown[] = []
    stream.on('slow', ({ n }) => calls.push(n))
    stream.onGap(({ reason }) => calls.push(reason))
    stream.connect()
    await server.open()
    const gap: GapEvent = { type: 'rivulet:gap', reason: 'restarted' }
    server.stream.write(
      openFrame() + frame('slow', { n: 1 }, 'b') + encodeControlEvent(gap) + frame('slow', { n: 2 }, 'a'),
    )
    await until(() => calls.length === 3)
    expect(calls).toEqual([1, 'restarted', 2])
    expect(stream.state.gap).toEqual(gap)
  })

  test('forgets the previous connection’s announcements', async () => {
    const stream = createStream()
    stream.connect()
    await server.open()
    server.stream.write(
      openFrame({ recovered: false }) + encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed' }),
    )
    await until(() => stream.state.gap)
    expect(stream.state.recovered).toBe(false)
    stream.reconnect()
    await until(() => stream.status === 'open')
    expect(stream.state).toMatchObject({ recovered: undefined, gap: { reason: 'trimmed' } })
    stream.close()
    stream.connect()
    expect(stream.state.gap).toBeUndefined()
  })

  test('a closed stream leaves no timer', async () => {
    const stream = createStream()
    stream.connect()
    await server.open()
    server.stream.write(openFrame())
    await until(() => stream.state.recovered === null)
    expect(clock.pending).toHaveLength(2)
    stream.close()
    expect(clock.pending).toEqual([])
  })

  test('a closing server gives a reason, and says if clients should reconnect', async () => {
    const stream = createStream()
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + encodeControlEvent({ type: 'rivulet:close', reason: 'drain', retry: true }))
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CLOSED_BY_SERVER', reason: 'drain' })
    stream.reconnect()
    await until(() => server.requests.length === 2)
    server.stream.write(openFrame() + encodeControlEvent({ type: 'rivulet:close', reason: 'revoked', retry: false }))
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ reason: 'revoked' })
    await server.open(0)
  })

  test('close() and connect() in one turn make one new connection', async () => {
    const stream = createStream()
    stream.connect()
    await server.open()
    stream.close()
    stream.connect()
    await until(() => server.requests.length === 2)
    await until(() => stream.status === 'open')
    expect(clock.pending).toHaveLength(1)
  })

  test('a signal leaves a later connect() alone, also where its listeners take no options', async () => {
    const stream = createStream()
    const target = new EventTarget()
    // As in React Native.
    const signal = {
      aborted: false,
      addEventListener: (type: string, listener: () => void) => target.addEventListener(type, listener),
      removeEventListener: (type: string, listener: () => void) => target.removeEventListener(type, listener),
    } as AbortSignal
    stream.connect({ signal })
    stream.close()
    stream.connect()
    target.dispatchEvent(new Event('abort'))
    expect(stream.status).toBe('connecting')
    stream.connect({ signal })
    target.dispatchEvent(new Event('abort'))
    expect(stream.status).toBe('closed')
  })

  test('a signal closes the stream, and leaves a later connect() alone', async () => {
    const stream = createStream()
    const first = new AbortController()
    stream.connect({ signal: first.signal })
    await server.open()
    first.abort()
    expect(stream.status).toBe('closed')
    await server.open(0)
    const second = new AbortController()
    stream.connect({ signal: second.signal })
    stream.close()
    stream.connect()
    second.abort()
    await server.open()
    expect(stream.status).toBe('open')
    stream.close()
    stream.connect({ signal: AbortSignal.abort() })
    expect(stream.status).toBe('closed')
  })

  test('an ID on the first event sets the starting position', async () => {
    const stream = createStream()
    const ids: unknown[] = []
    stream.on('tick', ({ id }) => ids.push(id))
    stream.connect()
    await server.open()
    server.stream.write(`id: 7\n${openFrame()}${frame('tick', { n: 1 })}${frame('tick', { n: 2 }, '8')}`)
    await until(() => ids.length === 2)
    expect(ids).toEqual([undefined, '8'])
    stream.reconnect()
    await until(() => server.requests.length === 2)
    await server.open()
    server.stream.write(`id: 7\n${openFrame()}`)
    await until(() => stream.lastEventId === '7')
    expect(server.cursors).toEqual([undefined, '8'])
  })

  test('close() while waiting leaves no timer', async () => {
    server.answer = (_, response) => response.writeHead(503).end()
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'waiting')
    stream.close()
    expect(stream.state).toMatchObject({ status: 'closed', error: undefined, retryAt: undefined })
    expect(clock.pending).toEqual([])
  })
})

describe('iteration', () => {
  test('connects, and leaving the loop closes', async () => {
    const stream = createStream()
    const received: number[] = []
    server.answer = (_, response) => server.accept(response).write([1, 2, 3].map((n) => frame('tick', { n })).join(''))
    for await (const { n } of stream.events(events.tick)) {
      received.push(n)
      if (n === 2) break
    }
    expect(received).toEqual([1, 2])
    expect(stream.status).toBe('closed')
    await server.open(0)
  })

  const write = (from: number, to: number) => {
    let text = ''
    for (let n = from; n <= to; n++) text += frame('tick', { n }, `${n}`)
    server.stream.write(text)
  }

  async function read(stream: EventStreamService<typeof events>, count: number): Promise<number[]> {
    const received: number[] = []
    for await (const { n } of stream.events('tick')) {
      received.push(n)
      if (received.length === count) break
    }
    return received
  }

  test('continues after a break with buffered and new events', async () => {
    const stream = createStream()
    const handled = ticks(stream)
    stream.connect()
    await server.open()
    write(1, 10)
    expect(await read(stream, 3)).toEqual([1, 2, 3])
    expect(stream.lastEventId).toBe('3')
    write(11, 12)
    await until(() => handled.length === 12)
    expect(await read(stream, 9)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(stream.lastEventId).toBe('12')
    expect(handled).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  })

  test('continues after a break that closed the stream, and no handler gets an event twice', async () => {
    const stream = createStream()
    const handled = ticks(stream)
    server.answer = ({ headers }, response) => {
      server.accept(response)
      if (headers['last-event-id'] === undefined) write(1, 10)
      else write(Number(headers['last-event-id']) + 1, 15)
    }
    expect(await read(stream, 3)).toEqual([1, 2, 3])
    expect(stream.status).toBe('closed')
    expect(stream.lastEventId).toBe('3')
    expect(await read(stream, 12)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    expect(handled).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
    expect(server.cursors).toEqual([undefined, '10'])
  })

  test('continues after close() and connect(), and after a signal', async () => {
    const stream = createStream()
    const handled = ticks(stream)
    stream.connect()
    const loop = stream.events('tick')
    await server.open()
    write(1, 5)
    await until(() => handled.length === 5)
    expect((await loop.next()).value).toMatchObject({ n: 1 })
    stream.close()
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    expect(stream.lastEventId).toBe('1')
    const stop = new AbortController()
    const next = stream.events('tick', { signal: stop.signal })
    expect((await next.next()).value).toMatchObject({ n: 2 })
    stop.abort()
    expect(await read(stream, 3)).toEqual([3, 4, 5])
    expect(handled).toEqual([1, 2, 3, 4, 5])
  })

  test('begins at the present if told to', async () => {
    const stream = createStream()
    const handled = ticks(stream)
    stream.connect()
    const left = stream.events('tick')
    await server.open()
    write(1, 5)
    await until(() => handled.length === 5)
    await left.return()
    expect(stream.lastEventId).toBe('')
    const loop = stream.events('tick', { resume: false })
    expect(stream.lastEventId).toBe('5')
    write(6, 6)
    expect((await loop.next()).value).toMatchObject({ n: 6 })
  })

  test('begins at the present, with a gap, if the previous loop’s buffer overflowed', async () => {
    const stream = createStream()
    const gaps: string[] = []
    stream.onGap(({ reason }) => gaps.push(reason))
    const handled = ticks(stream)
    stream.connect()
    await stream.events('tick', { bufferSize: 2 }).return()
    await server.open()
    write(1, 1_025)
    await until(() => handled.length === 1_025)
    expect(gaps).toEqual([])
    expect(stream.lastEventId).toBe('1025')
    const loop = stream.events('tick')
    expect(gaps).toEqual(['lagged'])
    write(1_026, 1_026)
    expect((await loop.next()).value).toMatchObject({ n: 1_026 })
  })

  test('loses nothing between two loops, no matter how much the network has buffered', async () => {
    const encoder = new TextEncoder()
    let n = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        let text = ''
        for (let last = n + 500; n < last; ) text += frame('tick', { n: ++n })
        controller.enqueue(encoder.encode(text))
      },
    })
    const headers = { 'content-type': 'text/event-stream' }
    const stream = createStream({ fetch: async () => new Response(body, { headers }) })
    stream.connect()
    const received: number[] = []
    const loop = async () => {
      for await (const { n } of stream.events('tick', { bufferSize: 16 })) {
        received.push(n)
        if (n % 7 === 0) return
      }
    }
    while (received.length < 20_000) await loop()
    expect(received).toEqual(received.map((_, index) => index + 1))
  })

  test('leaves a connection made by connect() open', async () => {
    const stream = createStream()
    stream.connect()
    await server.open()
    server.stream.write(frame('tick', { n: 1 }))
    for await (const _ of stream.events('tick')) break
    expect(stream.status).toBe('open')
  })

  test('ends with the stream, after the received events', async () => {
    const stream = createStream({ until: ({ data }) => data === '[DONE]' })
    server.answer = (_, response) =>
      server.accept(response).write(`${frame('slow', { n: 1 })}${frame('slow', { n: 2 })}data: [DONE]\n\n`)
    const received: number[] = []
    for await (const event of stream.events()) if (event.type === 'slow') received.push(event.n)
    expect(received).toEqual([1, 2])
    expect(stream.state).toMatchObject({ status: 'closed', error: undefined })
  })

  test('reports the closing error once: thrown, or on the console if nobody iterates', async () => {
    const toConsole = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => toConsole.mockRestore())
    server.answer = (_, response) => response.writeHead(404).end()
    const stream = new EventStreamService({ url: server.url })
    await expect(stream.messages().next()).rejects.toMatchObject({ status: 404 })
    expect(toConsole).not.toHaveBeenCalled()
    stream.connect()
    await vi.waitFor(() => expect(toConsole).toHaveBeenCalledOnce())
  })

  test('throws the error that closed the stream', async () => {
    server.answer = (_, response) => response.writeHead(404, { 'content-type': 'text/plain' }).end('no such stream')
    const stream = createStream()
    await expect(stream.events().next()).rejects.toMatchObject({ status: 404, body: 'no such stream' })
  })

  /** A stream of these chunks, each of which is given only when it is asked for. */
  function createPulled(...chunks: string[]) {
    const pull = vi.fn((controller: ReadableStreamDefaultController) => {
      const chunk = chunks.shift()
      if (chunk !== undefined) controller.enqueue(new TextEncoder().encode(chunk))
    })
    const headers = { 'content-type': 'text/event-stream' }
    const stream = createStream({
      idleTimeoutMs: 1_000,
      fetch: async () => new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers }),
    })
    const received: string[] = []
    stream.onMessage(({ event }) => received.push(event))
    return { stream, received, pull }
  }

  // The schema of `slow` answers later, so its iterator fills only after the chunk was read.
  test.each(['tick', 'slow'] as const)('a full iterator of %s pauses the stream', async (type) => {
    const { stream, received, pull } = createPulled(frame(type, { n: 1 }) + frame(type, { n: 2 }))
    const iterator = stream.events(type, { bufferSize: 2 })
    stream.connect()
    await until(() => received.length === 2)
    // Longer than any heartbeat allows, but nothing is being read.
    clock.advance(1_000_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect(pull).toHaveBeenCalledTimes(1)
    expect(stream.status).toBe('open')
    expect((await iterator.next()).value).toMatchObject({ n: 1 })
    await until(() => pull.mock.calls.length === 2)
    clock.advance(999)
    expect(stream.status).toBe('open')
    clock.advance(1)
    expect(stream.status).toBe('waiting')
  })

  test('a signal ends the loop', async () => {
    const stream = createStream()
    const controller = new AbortController()
    const next = stream.events('tick', { signal: controller.signal }).next()
    await server.open()
    controller.abort()
    expect(await next).toEqual({ done: true, value: undefined })
    await server.open(0)
    expect(await stream.events('tick', { signal: AbortSignal.abort() }).next()).toEqual({
      done: true,
      value: undefined,
    })
  })

  test('an iterator leaves no listener on its signal', async () => {
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    await createStream().events('tick', { signal }).return!()
    expect(removed).toHaveBeenCalledTimes(1)
  })

  test('closes what it opened, even after an earlier connect() was closed', async () => {
    const stream = createStream()
    stream.connect()
    stream.close()
    server.answer = (_, response) => server.accept(response).write(frame('tick', { n: 1 }))
    for await (const _ of stream.events('tick')) break
    expect(stream.status).toBe('closed')
  })
})

test('the state is one object until something changes', async () => {
  const stream = createStream()
  const received = ticks(stream)
  const idle = stream.state
  expect(stream.state).toBe(idle)
  stream.connect()
  expect(stream.state).not.toBe(idle)
  await server.open()
  server.stream.write(openFrame() + frame('tick', { n: 1 }, '1'))
  await until(() => received.length === 1)
  const open = stream.state
  server.stream.write(frame('tick', { n: 2 }, '2'))
  await until(() => received.length === 2)
  expect(stream.state).toBe(open)
  expect(stream.lastEventId).toBe('2')
})

test('raw messages arrive unchanged, with the current last event ID', async () => {
  const stream = harness.createStream()
  const messages: unknown[] = []
  stream.onMessage((message) => messages.push(message))
  stream.connect()
  await server.open()
  server.stream.write('id: 1\ndata: a\ndata: b\n\nevent: x\ndata: [1]\n\n')
  await until(() => messages.length === 2)
  stream.reconnect()
  await until(() => server.requests.length === 2)
  await server.open()
  server.stream.write('data: c\n\n')
  await until(() => messages.length === 3)
  expect(messages).toEqual([
    { event: 'message', data: 'a\nb', lastEventId: '1' },
    { event: 'x', data: '[1]', lastEventId: '1' },
    { event: 'message', data: 'c', lastEventId: '1' },
  ])
})

describe('onError reports the stage', () => {
  const fail = (): never => {
    throw new Error('no')
  }

  test.each<
    [
      stage: string,
      Partial<EventStreamServiceOptions<typeof events>>,
      prepare?: (stream: EventStreamService<typeof events>) => void,
    ]
  >([
    ['connection', { url: fail }],
    ['event', {}, (stream) => stream.on('tick', () => {})],
    ['mapMessage', { mapMessage: fail }],
    ['until', { until: fail }],
    ['handler', {}, (stream) => stream.onMessage(fail)],
    ['handler', {}, (stream) => stream.onMessage(() => Promise.reject(new Error('no')))],
    ['persist', { persist: { key: 'me', storage: { getItem: fail, setItem: fail } } }],
    ['reducer', {}, (stream) => reportTo(stream, new Error('no'))],
  ])('%s', async (stage, options, prepare) => {
    const stream = createStream(options)
    const stages: string[] = []
    stream.onError((_, context) => stages.push(context.stage))
    prepare?.(stream)
    server.answer = (_, response) => server.accept(response).write(frame('tick', { n: 'none' }, '1'))
    stream.connect()
    await until(() => stages.length > 0)
    expect(stages[0]).toBe(stage)
  })

  test('event, with an asynchronous schema', async () => {
    const stream = createStream()
    const stages: string[] = []
    stream.onError((_, context) => stages.push(context.stage))
    stream.on('slow', () => {})
    server.answer = (_, response) => server.accept(response).write(frame('slow', { n: -1 }, '1'))
    stream.connect()
    await until(() => stages.length > 0)
    expect(stages).toEqual(['event'])
  })
})

describe('history and present', () => {
  const order = (stream: ReturnType<typeof harness.createStream>) => {
    const seen: string[] = []
    stream.onAny((event) => seen.push(`${(event as { n?: number }).n}${event.replayed ? ' replayed' : ''}`))
    stream.onLive(() => seen.push('live'))
    stream.onEnd(({ state }) => seen.push(state))
    return seen
  }
  const live = encodeControlEvent({ type: 'rivulet:live' })
  const tick = (n: number) => frame('tick', { n }, String(n))

  test.each([
    ['counted by the server', openFrame({ replayed: 2 }) + tick(1) + tick(2) + tick(3)],
    ['marked by the server', openFrame({ replayed: 5 }) + tick(1) + tick(2) + live + tick(3)],
    ['counted and marked', openFrame({ replayed: 2 }) + tick(1) + tick(2) + live + tick(3)],
  ])('are told apart: %s', async (_, text) => {
    const { server, createStream } = harness
    server.answer = (_, response) => server.accept(response).write(text)
    const stream = createStream()
    const seen = order(stream)
    stream.connect()
    await until(() => seen.includes('3'))
    expect(seen).toEqual(['1 replayed', '2 replayed', 'live', '3'])
  })

  test('begin anew with each connection', async () => {
    const { server, clock, createStream } = harness
    const stream = createStream()
    const seen = order(stream)
    stream.connect()
    await server.open()
    server.stream.write(openFrame() + tick(1))
    await until(() => seen.length === 2)
    server.drop()
    await until(() => stream.status === 'waiting')
    clock.advance(10_000)
    await server.open()
    server.stream.write(openFrame({ recovered: true, replayed: 1 }) + tick(2) + tick(3))
    await until(() => seen.length === 5)
    expect(seen).toEqual(['live', '1', '2 replayed', 'live', '3'])
  })

  test('come in order, and so does the end, even if a schema takes its time', async () => {
    const { server, createStream } = harness
    const schema = z.object({ n: z.number() }).refine(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return true
    })
    server.answer = (_, response) => {
      const end = encodeControlEvent({ type: 'rivulet:end', state: 'done' }, { id: '9' })
      server.accept(response).write(openFrame({ replayed: 1 }) + tick(1) + tick(2) + end)
    }
    const stream = createStream({ events: defineEvents({ tick: schema }) })
    const seen = order(stream)
    stream.connect()
    await until(() => seen.includes('done'))
    expect(seen).toEqual(['1 replayed', 'live', '2', 'done'])
  })

  test('are not told apart on a foreign stream', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => server.accept(response).write(live + tick(1))
    const stream = createStream()
    const seen = order(stream)
    stream.connect()
    await until(() => seen.length === 1)
    expect(seen).toEqual(['1'])
  })
})
