import { encodeControlEvent, type GapEvent, type StandardSchemaV1 } from '@rivulet/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until, useHarness } from '../test/harness.js'
import { frame, openFrame } from '../test/sse-server.js'
import { type CreateEventStreamOptions, createEventStream } from './create-event-stream.js'
import { HeartbeatTimeoutError, HttpStatusError } from './runtime/errors.js'

type Events = { readonly tick: { readonly type: 'tick'; readonly schema: StandardSchemaV1<{ n: number }> } }

const h = useHarness()

function setup(options: Partial<CreateEventStreamOptions> = {}) {
  const stream = createEventStream<Events>({ url: h.server.url, clock: h.clock, ...options })
  const received: number[] = []
  const gaps: GapEvent[] = []
  const errors: unknown[] = []
  stream.on('tick', ({ n }) => received.push(n))
  stream.onGap((gap) => gaps.push(gap))
  stream.onError((error) => errors.push(error))
  onTestFinished(() => stream.close())
  const write = (...frames: string[]) => h.server.stream.write(frames.join(''))
  /** Waits for a retry and lets its time come. */
  const retry = async () => {
    await until(() => stream.status === 'waiting')
    const delayMs = stream.state.retryAt! - h.clock.now()
    h.clock.advance(delayMs)
    return delayMs
  }
  return { stream, received, gaps, errors, write, retry }
}

const tick = (n: number, id?: string, channel = 'default') => frame('tick', { n, channel }, id)

describe('a stream', () => {
  test('delivers events flat, in order and once, over lost connections', async () => {
    const { stream, received, write, retry } = setup()
    const events: unknown[] = []
    stream.onAny((event) => events.push(event))
    stream.connect()
    await h.server.open()
    write(openFrame(), tick(1, 'a1'), tick(2, 'a2'))
    await until(() => received.length === 2)
    h.server.drop()
    await retry()
    await h.server.open()
    expect(h.server.cursors).toEqual([undefined, 'a2'])
    write(openFrame({ recovered: true }), tick(2, 'a2'), tick(3, 'a3'))
    await until(() => received.length === 3)
    expect(received).toEqual([1, 2, 3])
    expect(events[0]).toEqual({
      id: 'a1',
      type: 'tick',
      timestamp: 1_700_000_000_000,
      source: 'test',
      channel: 'default',
      n: 1,
    })
    expect(stream.lastEventId).toBe('a3')
    expect(stream.state).toMatchObject({ status: 'open', recovered: true })
  })

  test('begins at the cursor that it is given', async () => {
    setup({ lastEventId: 'x' }).stream.connect()
    await h.server.open()
    expect(h.server.cursors).toEqual(['x'])
  })

  test('tells of gaps', async () => {
    const { stream, gaps, write } = setup()
    stream.connect()
    await h.server.open()
    write(openFrame(), encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed' }))
    await until(() => gaps.length === 1)
    expect(gaps).toEqual([{ type: 'rivulet:gap', reason: 'trimmed' }])
    expect(stream.state.gap).toBe(gaps[0])
  })

  test('waits as long as Retry-After says', async () => {
    const { stream, errors, retry } = setup()
    h.server.answer = (_, response) => {
      h.server.answer = (_, next) => h.server.accept(next)
      response.writeHead(503, { 'retry-after': '60' }).end()
    }
    stream.connect()
    expect(await retry()).toBeGreaterThanOrEqual(60_000)
    expect(errors).toEqual([expect.any(HttpStatusError)])
    await h.server.open()
  })

  test('notices a dead connection', async () => {
    const { stream, errors, write, retry } = setup()
    stream.connect()
    await h.server.open()
    write(openFrame({ heartbeatMs: 10_000 }))
    await until(() => stream.state.recovered === null)
    h.clock.advance(25_000)
    expect(errors).toEqual([expect.any(HeartbeatTimeoutError)])
    await retry()
    await until(() => h.server.requests.length === 2)
  })

  test('closes with a final error, and after 401, which it does not handle', async () => {
    const { stream } = setup()
    h.server.answer = (_, response) => response.writeHead(401).end()
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ status: 401 })
  })

  test('delivers nothing after close, and connects again', async () => {
    const { stream, received, write } = setup()
    const statuses: string[] = []
    stream.onStatusChange(({ status }) => statuses.push(status))
    stream.connect()
    await h.server.open()
    stream.on('tick', () => stream.close())
    write(openFrame(), tick(1, 'a1'), tick(2, 'a2'))
    await until(() => stream.status === 'closed')
    expect(received).toEqual([1])
    stream.reconnect()
    await until(() => h.server.requests.length === 2)
    expect(h.server.cursors[1]).toBe('a1')
    expect(statuses).toContain('closed')
  })

  test('takes no option for a fault in its own handlers', async () => {
    const { stream, received, errors, write } = setup()
    stream.on('tick', () => {
      throw new Error('a fault')
    })
    stream.connect()
    await h.server.open()
    write(openFrame(), 'event: tick\ndata: {\n\n', tick(2))
    await until(() => received.length === 1)
    expect(errors.map(String)).toEqual([expect.stringContaining('EventValidationError'), 'Error: a fault'])
  })
})

describe('channels', () => {
  test('are asked for by their names', async () => {
    setup({ channels: ['b', 'a'] }).stream.connect()
    await h.server.open()
    expect(h.server.requests[0]!.url).toBe('/events?channel=a&channel=b')
  })

  test('that the server adds bring their history beside the cursor, once, even if the connection breaks', async () => {
    const { stream, received, gaps, write, retry } = setup()
    stream.connect()
    await h.server.open()
    write(openFrame(), tick(1, '5', 'a'))
    write(
      encodeControlEvent({ type: 'rivulet:channels', added: ['b'], removed: [] }),
      tick(2, '2', 'b'),
      tick(3, '6', 'a'),
    )
    await until(() => received.length === 3)
    expect(stream.lastEventId).toBe('6')
    h.server.drop()
    await retry()
    await h.server.open()
    expect(h.server.cursors[1]).toBe('6')
    write(openFrame({ recovered: true }), tick(2, '2', 'b'), tick(4, '7', 'a'))
    await until(() => received.length === 4)
    expect(received).toEqual([1, 2, 3, 4])
    // The rest of the history of an added channel cannot be asked for.
    expect(gaps).toEqual([{ type: 'rivulet:gap', channel: 'b', reason: 'lagged' }])
  })

  test('that the server removes are not asked for again, unless the stream begins anew', async () => {
    const { stream, received, gaps, write, retry } = setup({ channels: ['a', 'b'] })
    stream.connect()
    await h.server.open()
    write(openFrame(), encodeControlEvent({ type: 'rivulet:channels', added: [], removed: ['b'] }), tick(1, '5', 'a'))
    await until(() => received.length === 1)
    h.server.drop()
    await retry()
    await until(() => h.server.requests.length === 2)
    expect(h.server.requests[1]!.url).toBe('/events?channel=a')
    expect(gaps).toEqual([])
  })

  test('whose history is over count for the cursor', async () => {
    const { stream, received, write } = setup()
    stream.connect()
    await h.server.open()
    write(openFrame(), tick(1, '5', 'a'), encodeControlEvent({ type: 'rivulet:channels', added: ['b'], removed: [] }))
    write(tick(2, '2', 'b'), encodeControlEvent({ type: 'rivulet:live' }, { id: '6' }), tick(3, '7', 'b'))
    await until(() => received.length === 3)
    expect(stream.lastEventId).toBe('7')
  })
})
