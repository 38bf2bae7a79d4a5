import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../test-support/random.js'
import { createHarness } from '../test/harness.js'
import { SimulatedClock, SimulatedSink, settle } from '../test/simulation.js'
import { MemoryBackplane } from './backplane/memory-backplane.js'
import { EventManager } from './event-manager.js'
import type { ConnectionInfo } from './runtime/connection-info.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe('disconnect', () => {
  it.each([
    ['a promise', () => Promise.reject(new Error('no rights'))],
    ['nothing', () => undefined],
    ['a connection', (connection: ConnectionInfo) => connection],
    ['an error', () => JSON.parse('')],
  ])('by a predicate that returns %s ends nothing, and reports it', async (_, predicate) => {
    const { manager, connect } = createHarness({ events })
    const { sink } = await connect()
    expect(() => manager.disconnect(predicate as never, 'revoked')).toThrow()
    expect(sink.closed).toBe(false)
    expect(manager.connections.size).toBe(1)
  })

  it('by a predicate refuses a stream being opened for which the predicate fails', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    let letIn = (_: true) => {}
    const client = await connect({
      authorize: () =>
        new Promise<true>((resolve) => {
          letIn = resolve
        }),
    })
    const error = new TypeError('no context')
    const predicate = () => {
      throw error
    }
    expect(manager.disconnect(predicate, 'revoked')).toBe(0)
    letIn(true)
    await calm()
    expect(client.sink.status).toBe(500)
    expect(errors).toEqual([{ error, context: { stage: 'disconnect' } }])
  })

  it.each([undefined, 7, Symbol('over'), 1n])('refuses %o as reason', async (reason) => {
    const { manager, connect } = createHarness({ events })
    await connect()
    expect(() => manager.disconnect(() => true, reason as never)).toThrow('reason')
    await expect(manager.disconnectEverywhere({ key: 'eve' }, reason as never)).rejects.toThrow('reason')
    expect(manager.connections.size).toBe(1)
  })
})

/** Without the harness, whose own manager closes at the end. */
function start(backplane: MemoryBackplane) {
  const clock = new SimulatedClock(randomFrom(1))
  const errors: { error: unknown; context: { stage: string } }[] = []
  const onError = (error: unknown, { stage }: { stage: string }) => errors.push({ error, context: { stage } })
  const manager = new EventManager({ events, backplane, clock, onError })
  async function connect() {
    const sink = new SimulatedSink(clock, 10_000)
    void manager.connect({ raw: undefined, lastEventId: undefined }, sink)
    await settle()
    clock.turn()
    return sink
  }
  return { clock, errors, manager, connect }
}

describe('a backplane', () => {
  const broken = new Error('broken')
  const fail = () => {
    throw broken
  }

  it.each(['subscribe', 'read'] as const)(
    'whose %s throws at once gets its streams 503, and nothing else',
    async (name) => {
      const backplane = new MemoryBackplane()
      const { manager, connect, errors } = start(backplane)
      expect((await connect()).status).toBe(200)
      const works = backplane[name]
      backplane[name] = fail
      manager.disconnect(() => true, 'over')
      expect((await connect()).status).toBe(503)
      expect(errors).toEqual([{ error: broken, context: { stage: 'read' } }])
      backplane[name] = works as never
      expect((await connect()).status).toBe(200)
    },
  )

  it('whose unsubscribe throws is reported', async () => {
    const backplane = new MemoryBackplane()
    const { manager, connect, errors } = start(backplane)
    await connect()
    backplane.unsubscribe = fail
    manager.disconnect(() => true, 'over')
    expect(errors).toEqual([{ error: broken, context: { stage: 'backplane' } }])
  })

  it('that never answers does not hold up close()', async () => {
    const backplane = new MemoryBackplane()
    const { clock, manager, connect } = start(backplane)
    await connect()
    await settle()
    backplane.registry.update = () => new Promise(() => {})
    backplane.registry.beat = () => new Promise(() => {})
    let closed = false
    void manager.close().then(() => {
      closed = true
    })
    // The stream's end, its linger, and the time in which the other nodes are told.
    for (let second = 0; second < 5; second++) {
      await settle()
      clock.turn()
      clock.advance(1_000)
    }
    await settle()
    expect(closed).toBe(true)
  })
})

describe('a response broken by middleware', () => {
  it('is abandoned, and does not end the process', async () => {
    const { manager, connect, errors, clock, calm } = createHarness({ events })
    const { sink } = await connect()
    const other = await connect()
    sink.end = () => {
      throw new Error('end')
    }
    const destroy = sink.destroy.bind(sink)
    sink.destroy = () => {
      sink.destroy = destroy
      throw new Error('destroy')
    }
    expect(manager.disconnect(() => true, 'over')).toBe(2)
    clock.advance(2_000)
    await calm()
    expect(errors).toMatchObject([
      { error: { message: 'end' }, context: { stage: 'write' } },
      { error: { message: 'destroy' }, context: { stage: 'write' } },
    ])
    expect(other.sink.closed).toBe(true)
    expect(manager.connections.size).toBe(0)
    sink.destroy()
  })
})
