import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { BackplaneTimeoutError } from '../runtime/errors.js'
import type { CallbackOptions } from '../runtime/guard.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})
type Options = EventStreamOptions<unknown, unknown, typeof events>

describe('a function that never answers', () => {
  const never = () => new Promise<never>(() => {})
  const hanging: [string, Options][] = [
    ['authorize', { authorize: never }],
    ['channels', { channels: never }],
    ['snapshot', { snapshot: never }],
    ['presence', { presence: never }],
  ]

  it.each(hanging)('%s: is abandoned after callbackTimeoutMs', async (stage, options) => {
    const { manager, clock, connect, calm, errors } = createHarness({ events, callbackTimeoutMs: 3_000 })
    const { sink } = await connect(options)
    clock.advance(2_999)
    await calm()
    expect(sink.status).toBe(undefined)
    clock.advance(1)
    await calm()
    expect(sink.status).toBe(500)
    expect(errors).toMatchObject([{ error: { code: 'RIVULET_CALLBACK_TIMEOUT', callback: stage }, context: { stage } }])
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0, refused: 1 })
  })

  it.each(hanging)('%s: frees the slot of a client that has left', async (_, options) => {
    const { manager, connect, calm, errors } = createHarness({
      events,
      limits: { maxConnections: 2, maxConnectionsPerKey: 2 },
    })
    const authorize = () => ({ context: 'eve', key: 'eve' })
    for (let client = 0; client < 5; client++) {
      const { sink } = await connect({ authorize, ...options })
      expect(sink.status).toBe(undefined)
      sink.destroy()
      await calm()
    }
    expect((await connect({ authorize })).sink.status).toBe(200)
    expect(errors).toEqual([])
    expect(manager.stats()).toMatchObject({ connections: 1, cohorts: 1 })
  })

  it.each(hanging)('%s: counts within the limits', async (_, options) => {
    const { connect } = createHarness({ events, limits: { maxConnections: 2 } })
    for (let client = 0; client < 2; client++) await connect(options)
    expect((await connect()).sink.status).toBe(503)
  })

  it.each(hanging)('%s: does not hold up close()', async (_, options) => {
    const { manager, connect, calm } = createHarness({ events })
    const { sink } = await connect(options)
    await manager.close()
    await calm()
    expect(sink.status).toBe(503)
  })

  it.each(hanging.slice(2))('%s: frees the slot of a revoked client', async (_, options) => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnectionsPerKey: 1 } })
    const authorize = () => ({ context: 'eve', key: 'eve' })
    const { sink } = await connect({ authorize, ...options })
    expect(manager.disconnect(() => true, 'revoked')).toBe(1)
    await calm()
    expect(sink.status).toBe(403)
    expect((await connect({ authorize })).sink.status).toBe(200)
  })

  it('learns from its signal that nobody is waiting any more', async () => {
    const { clock, connect, calm, errors } = createHarness({ events })
    const signals: AbortSignal[] = []
    const wait = ({ signal }: CallbackOptions) =>
      new Promise<never>((_, reject) => {
        signals.push(signal)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const left = await connect({ authorize: (_, options) => wait(options) })
    left.sink.destroy()
    await calm()
    expect(signals[0]).toMatchObject({ aborted: true, reason: { name: 'AbortError' } })
    expect(errors).toEqual([])
    await connect({ authorize: () => true, channels: (_, __, options) => wait(options) })
    await connect({ snapshot: (_, options) => wait(options) })
    await connect({ presence: (_, options) => wait(options) })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false, false])
    clock.advance(10_000)
    await calm()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true])
    expect(signals[1]!.reason).toMatchObject({ code: 'RIVULET_CALLBACK_TIMEOUT' })
    expect(errors).toHaveLength(3)
  })

  it('is still reported if it fails later', async () => {
    const { connect, calm, errors } = createHarness({ events })
    let fail = (_: Error) => {}
    const authorize = () =>
      new Promise<never>((_, reject) => {
        fail = reject
      })
    const { sink } = await connect({ authorize })
    sink.destroy()
    await calm()
    const error = new Error('the database is gone')
    fail(error)
    await calm()
    expect(errors).toEqual([{ error, context: { stage: 'authorize' } }])
  })

  it('has a signal that does not abort after the answer', async () => {
    const { clock, connect, calm } = createHarness({ events })
    let given: AbortSignal | undefined
    const client = await connect({
      authorize: async (_, { signal }) => {
        given = signal
        return true
      },
    })
    clock.advance(20_000)
    client.sink.destroy()
    await calm()
    expect(given!.aborted).toBe(false)
  })
})

describe('a backplane that does not answer', () => {
  it.each(['subscribe', 'read'] as const)('to %s: the client is refused after callbackTimeoutMs', async (method) => {
    const backplane: Backplane = new MemoryBackplane()
    Object.assign(backplane, { [method]: () => new Promise(() => {}) })
    const { manager, connect, clock, calm, errors } = createHarness({ events, backplane, callbackTimeoutMs: 5_000 })
    const { sink } = await connect()
    clock.advance(4_999)
    await calm()
    expect(sink.status).toBeUndefined()
    clock.advance(1)
    await calm()
    expect(sink.status).toBe(503)
    expect(errors).toEqual([{ error: new BackplaneTimeoutError(5_000), context: { stage: 'read' } }])
    expect(manager.stats()).toMatchObject({ pendingAdmissions: 0, connections: 0 })
  })
})
