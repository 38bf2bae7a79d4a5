import { defineEvents } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})
type Options = EventStreamOptions<unknown, unknown, typeof events>

describe('authorize', () => {
  it.each([
    ['true', true, 200],
    ['an admission', { context: 1 }, 200],
    ['false', false, 403],
    ['a status', { status: 401 }, 401],
    ['a credential that has ended', { context: 1, expiresAt: new Date(0) }, 401],
  ])('answers with %s', async (_, answer, status) => {
    const { manager, connect } = createHarness({ events })
    const { sink } = await connect({ authorize: () => answer })
    expect(sink.status).toBe(status)
    expect(manager.stats()).toMatchObject(
      status === 200 ? { connections: 1, refused: 0 } : { connections: 0, refused: 1 },
    )
  })

  it.each([
    ['nothing', undefined, 500],
    ['null', null, 500],
    ['a text', 'yes', 500],
    ['a decision of another kind', { allowed: false }, 500],
    ['nothing but a key', { key: 'eve' }, 500],
    ['a context that is undefined', { context: undefined, key: 'eve' }, 401],
    ['a context that is null', { context: null }, 401],
    ['a status that opens a stream', { status: 200 }, 500],
    ['a status that is no answer yet', { status: 100 }, 500],
    ['a status that is a text', { status: 'active', context: 1 }, 500],
    ['a length that is not that of the body', { status: 401, headers: { 'content-length': '5' } }, 500],
    ['a header that is no text', { status: 401, headers: { 'Retry-After': Symbol('soon') } }, 500],
    ['a message that is no text', { status: 401, message: { text: 'no' } }, 500],
    ['a key that is a number', { context: 1, key: 7 }, 500],
    ['an empty key', { context: 1, key: '' }, 500],
    ['an end that is no time', { context: 1, expiresAt: new Date('never') }, 500],
    ['an end that is NaN', { context: 1, expiresAt: Number.NaN }, 500],
    ['an end that is a symbol', { context: 1, expiresAt: Symbol('soon') }, 500],
    ['an end that is null', { context: 1, expiresAt: null }, 500],
    ['an end that is a text', { context: 1, expiresAt: '2030-01-01' }, 500],
  ])('lets nobody in when it answers with %s', async (_, answer, status) => {
    const { manager, connect, errors } = createHarness({ events })
    const { sink } = await connect({ authorize: () => answer as never })
    expect(sink.status).toBe(status)
    expect(errors.map(({ error }) => error instanceof ConfigurationError)).toEqual(status === 500 ? [true] : [])
    expect(manager.stats()).toMatchObject({ connections: 0, refused: 1 })
  })

  it('lets nobody in when the context is a promise', async () => {
    const { connect, errors } = createHarness({ events })
    const { sink } = await connect({ authorize: () => ({ context: Promise.reject(new Error('not there')) }) })
    expect(sink.status).toBe(500)
    expect(errors).toMatchObject([{ error: { option: 'authorize().context' } }])
  })

  it('lets nobody in when it throws, and tells only onError why', async () => {
    const { connect, errors } = createHarness({ events })
    const error = new Error('secret')
    const { sink } = await connect({ authorize: () => Promise.reject(error) })
    expect(sink.status).toBe(500)
    expect(errors).toEqual([{ error, context: { stage: 'authorize' } }])
  })

  it('passes the context to channels, filter and the list of connections', async () => {
    const { manager, connect } = createHarness({ events })
    const channels = vi.fn((_: unknown, context: { user: string }) => [`user:${context.user}`, 'all', 'all'])
    await connect({ authorize: () => ({ context: { user: 'eve' }, key: 'k' }), channels } as unknown as Options)
    expect(channels).toHaveBeenCalledOnce()
    expect([...manager.connections.values()]).toMatchObject([
      { channels: ['all', 'user:eve'], context: { user: 'eve' }, key: 'k', state: 'live' },
    ])
  })

  it.each([
    ['no channel', () => [], 403],
    ['a name of the SDK’s own', () => ['news', 'rivulet:control'], 403],
    ['an error', () => Promise.reject(new Error()), 500],
    ['nothing', () => undefined as never, 500],
    ['one name, not in an array', () => 'news' as never, 500],
    ['a name that is undefined', () => [undefined as never], 500],
    ['a name that is null', () => ['news', null as never], 500],
    ['a name that is a number', () => [7 as never], 500],
    ['a name that is a list', () => [['a', 'b'] as never], 500],
    ['a name that is a symbol', () => [Symbol('news') as never], 500],
    ['an empty name', () => [''], 500],
    ['half of a character', () => ['half \ud800'], 500],
  ])('refuses a stream for which channels answers with %s', async (_, channels, status) => {
    const { connect, manager } = createHarness({ events })
    expect((await connect({ channels })).sink.status).toBe(status)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})
