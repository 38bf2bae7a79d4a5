import { type EndEvent, encodeControlEvent } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'

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
})
