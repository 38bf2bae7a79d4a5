import { type EndEvent, encodeControlEvent } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import type { EventStreamService } from '../event-stream-service.js'

const harness = useHarness()
const done: EndEvent = { type: 'rivulet:end', state: 'done' }

describe('a stream that is a run', () => {
  it('closes without an error at its end, and sends no further request', async () => {
    const { server, clock } = harness
    const errors: unknown[] = []
    const stream = harness.createStream()
    stream.onError((error) => errors.push(error))
    stream.connect()
    await server.open()
    server.stream.end(openFrame() + frame('token', { text: 'a' }, '1') + encodeControlEvent(done, { id: '2' }))
    await until(() => stream.status === 'closed')
    expect(stream.state).toMatchObject({ error: undefined, ended: done })
    expect(stream.lastEventId).toBe('2')
    clock.advance(600_000)
    expect(errors).toEqual([])
    expect(server.requests).toHaveLength(1)
  })

  it('ends a loop after the last event', async () => {
    const { server } = harness
    const stream = harness.createStream()
    const received: unknown[] = []
    const loop = (async () => {
      for await (const { text } of stream.events('token') as AsyncIterable<{ text?: unknown }>) received.push(text)
    })()
    await server.open()
    server.stream.end(
      openFrame() +
        frame('token', { text: 'a' }, '1') +
        frame('token', { text: 'b' }, '2') +
        encodeControlEvent(done, { id: '3' }),
    )
    await loop
    expect(received).toEqual(['a', 'b'])
  })

  it('clears its end when it reconnects', async () => {
    const { server } = harness
    const stream = harness.createStream()
    stream.connect()
    await server.open()
    server.stream.end(
      openFrame() + encodeControlEvent({ ...done, state: 'failed', reason: 'producer lost' }, { id: '1' }),
    )
    await until(() => stream.state.ended?.reason === 'producer lost')
    stream.connect()
    await server.open()
    expect(stream.state.ended).toBeUndefined()
  })

  it('forgets how it ended, and its gap, when it reconnects', async () => {
    const { server } = harness
    const stream = harness.createStream()
    stream.connect()
    await server.open()
    server.stream.end(
      openFrame() +
        encodeControlEvent({ type: 'rivulet:gap', reason: 'lagged' }) +
        encodeControlEvent(done, { id: '1' }),
    )
    await until(() => stream.status === 'closed')
    expect(stream.state).toMatchObject({ gap: { reason: 'lagged' }, ended: done })
    stream.reconnect()
    expect(stream.state).toMatchObject({ gap: undefined, ended: undefined })
  })

  it('stays ended as it was if the server has nothing behind its end, also after an attempt was closed', async () => {
    const { server } = harness
    const stream = harness.createStream()
    stream.connect()
    await server.open()
    server.stream.end(openFrame() + encodeControlEvent({ ...done, state: 'stopped', reason: 'user' }, { id: '1' }))
    await until(() => stream.status === 'closed')
    server.answer = (_, response) => response.writeHead(204).end()
    stream.connect()
    stream.close()
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state).toMatchObject({ error: undefined, ended: { state: 'stopped', reason: 'user' } })
  })
})

describe('onEnd', () => {
  const ends = (stream: EventStreamService) => {
    const told: string[] = []
    stream.onEnd(({ state }) => told.push(state))
    return told
  }

  it('is called once for an end, however often the stream returns to it', async () => {
    const { server } = harness
    const stream = harness.createStream()
    const told = ends(stream)
    stream.connect()
    await server.open()
    server.stream.end(openFrame() + encodeControlEvent(done, { id: '1' }))
    await until(() => stream.status === 'closed')
    server.answer = (_, response) => response.writeHead(204).end()
    const late = ends(stream)
    for (let returns = 1; returns <= 2; returns++) {
      stream.connect()
      await until(() => stream.status === 'closed')
      expect(server.requests).toHaveLength(1 + returns)
    }
    expect([told, late]).toEqual([['done'], ['done']])
  })

  it('is called for the end of a run that was started again', async () => {
    const { server } = harness
    const stream = harness.createStream()
    const told = ends(stream)
    server.answer = (_, response, attempt) =>
      server.accept(response).end(openFrame() + encodeControlEvent(done, { id: String(attempt) }))
    for (const requests of [1, 2]) {
      stream.connect()
      await until(() => server.requests.length === requests && stream.status === 'closed')
    }
    expect(told).toEqual(['done', 'done'])
  })

  it('is not called where a stream begins behind the end: the server does not say how it ended', async () => {
    const { server } = harness
    server.answer = (_, response) => response.writeHead(204).end()
    const stream = harness.createStream({ lastEventId: '1' })
    const told = ends(stream)
    stream.connect()
    await until(() => stream.status === 'closed')
    expect([stream.state.error, stream.state.ended, told]).toEqual([undefined, undefined, []])
  })
})

describe('a function of the options that acts when its signal aborts', () => {
  /** Makes a stream whose first attempt waits for its headers until it is abandoned, and then acts. */
  async function waiting(action: (stream: EventStreamService) => void): Promise<EventStreamService> {
    let calls = 0
    const stream: EventStreamService = harness.createStream({
      headers: ({ signal }) => {
        if (++calls > 1) return {}
        signal.addEventListener('abort', () => action(stream))
        return new Promise(() => {})
      },
    })
    stream.connect()
    await until(() => calls === 1)
    return stream
  }

  it('may connect the stream that was closed', async () => {
    const stream = await waiting((it) => it.connect())
    stream.close()
    await harness.server.open()
    await until(() => stream.status === 'open')
  })

  it('may close the stream that reconnects', async () => {
    const stream = await waiting((it) => it.close())
    stream.reconnect()
    expect(stream.status).toBe('closed')
    const other = harness.createStream()
    other.connect()
    await harness.server.open()
    expect(harness.server.requests).toHaveLength(1)
  })
})

it('begins at the present if its last ID is too long for a URL', async () => {
  const { server } = harness
  const stream = harness.createStream({ lastEventId: '字'.repeat(2_000), lastEventIdIn: 'query' })
  const gaps: string[] = []
  stream.onGap(({ reason }) => gaps.push(reason))
  stream.connect()
  await until(() => stream.status === 'open')
  expect(gaps).toEqual(['oversized'])
  expect(server.requests[0]!.url).toBe('/events')
})
