import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { CallbackOptions } from '../runtime/guard.js'
import { streamHeaders } from '../sinks/sink.js'
import type { EventStreamOptions, Snapshot } from './stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})
type Options = EventStreamOptions<unknown, unknown, typeof events>

const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

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

  it('lets nobody in when it answers with a context that nobody awaited', async () => {
    const { connect, errors } = createHarness({ events })
    const { sink } = await connect({ authorize: () => ({ context: Promise.reject(new Error('not there')) }) })
    expect(sink.status).toBe(500)
    expect(errors).toMatchObject([{ error: { option: 'authorize().context' } }])
  })

  it('lets nobody in when it throws, and says why to onError alone', async () => {
    const { connect, errors } = createHarness({ events })
    const error = new Error('secret')
    const { sink } = await connect({ authorize: () => Promise.reject(error) })
    expect(sink.status).toBe(500)
    expect(errors).toEqual([{ error, context: { stage: 'authorize' } }])
  })

  it('gives the context to channels, filter and the list of connections', async () => {
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
  ])('refuses a stream for which channels answers with %s', async (_, channels, status) => {
    const { connect, manager } = createHarness({ events })
    expect((await connect({ channels })).sink.status).toBe(status)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})

describe('a function that never answers', () => {
  const never = () => new Promise<never>(() => {})
  const hanging: [string, Options][] = [
    ['authorize', { authorize: never }],
    ['channels', { channels: never }],
    ['snapshot', { snapshot: never }],
    ['presence', { presence: never }],
  ]

  it.each(hanging)('%s: is given up after callbackTimeoutMs', async (stage, options) => {
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

  it.each(hanging)('%s: keeps no place of a client that has left', async (_, options) => {
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

  it.each(hanging)('%s: is not waited for when the manager closes', async (_, options) => {
    const { manager, connect, calm } = createHarness({ events })
    const { sink } = await connect(options)
    await manager.close()
    await calm()
    expect(sink.status).toBe(503)
  })

  it.each(hanging.slice(2))('%s: does not keep a revoked client’s place', async (_, options) => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnectionsPerKey: 1 } })
    const authorize = () => ({ context: 'eve', key: 'eve' })
    const { sink } = await connect({ authorize, ...options })
    expect(manager.disconnect(() => true, 'revoked')).toBe(1)
    await calm()
    expect(sink.status).toBe(403)
    expect((await connect({ authorize })).sink.status).toBe(200)
  })

  it('is told by its signal that nobody waits any more', async () => {
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

  it('may still fail, and is heard of then', async () => {
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

  it('has a signal that stays quiet when it has answered', async () => {
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

describe('onError', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no log')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no log'))],
  ])('that %s loses no error', async (_, onError) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => log.mockRestore())
    const { connect, calm } = createHarness({ events, onError })
    const error = new Error('the reason')
    expect((await connect({ authorize: () => Promise.reject(error) })).sink.status).toBe(500)
    await calm()
    expect(log.mock.calls).toEqual([
      ['[rivulet] authorize failed:', error],
      ['[rivulet] onError itself failed:', new Error('no log')],
    ])
  })

  it('by default shows what cannot be shown', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation((_, error) => void `${error}`)
    onTestFinished(() => log.mockRestore())
    const { connect } = createHarness({ events, onError: undefined as never })
    const error = new Proxy(
      {},
      {
        get: () => {
          throw new Error('private')
        },
      },
    )
    expect((await connect({ authorize: () => Promise.reject(error) })).sink.status).toBe(500)
    expect(log.mock.calls.at(-1)).toEqual(['[rivulet] authorize failed:', 'an error that cannot be printed'])
  })
})

describe('a stream’s life', () => {
  it('ends with its credential, and the client is asked back', async () => {
    const { clock, connect, calm } = createHarness({ events })
    const client = await connect({ authorize: () => ({ context: 1, expiresAt: clock.now() + 3_600_000 }) })
    clock.advance(3_599_999)
    await calm()
    expect(client.sink.closed).toBe(false)
    clock.advance(1)
    await calm()
    expect(client.sink.closed).toBe(true)
    expect(controlEventsOf(client.messages).at(-1)).toEqual({ type: 'rivulet:close', reason: 'expired', retry: true })
  })

  it('may end later than any timer can wait', async () => {
    const { clock, connect, calm } = createHarness({ events, heartbeat: false })
    const client = await connect({ authorize: () => ({ context: 1, expiresAt: clock.now() + 30 * 86_400_000 }) })
    clock.advance(29 * 86_400_000)
    await calm()
    expect(client.sink.closed).toBe(false)
    clock.advance(86_400_000)
    await calm()
    expect(client.sink.closed).toBe(true)
  })

  it('lasts between 80 and 100 percent of maxLifetimeMs', async () => {
    const { clock, connect, calm, manager } = createHarness({ events, limits: { maxLifetimeMs: 1_000_000 } })
    for (let count = 0; count < 20; count++) await connect()
    clock.advance(800_000)
    await calm()
    expect(manager.connections.size).toBe(20)
    clock.advance(100_000)
    await calm()
    expect(manager.connections.size).toBeGreaterThan(2)
    expect(manager.connections.size).toBeLessThan(18)
    clock.advance(100_000)
    await calm()
    expect(manager.connections.size).toBe(0)
  })

  it('is not begun for one who was revoked while the stream was being prepared', async () => {
    const { manager, connect, calm } = createHarness({ events })
    let answer = (_: Snapshot<typeof events>) => {}
    const snapshot = () =>
      new Promise<Snapshot<typeof events>>((resolve) => {
        answer = resolve
      })
    const client = await connect({ authorize: () => ({ context: 1, key: 'eve' }), snapshot })
    expect(manager.disconnect(({ key }) => key === 'eve', 'revoked')).toBe(1)
    answer({ events: [] })
    await calm()
    expect(client.sink.status).toBe(403)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})

describe('limits', () => {
  it('refuse one connection too many with 503, until another one leaves', async () => {
    const { connect, calm } = createHarness({ events, limits: { maxConnections: 2 } })
    const [first] = [await connect(), await connect()]
    const refused = await connect()
    expect(refused.sink.status).toBe(503)
    expect(Number(refused.headers!['retry-after'])).toBeGreaterThanOrEqual(1)
    first!.sink.destroy()
    await calm()
    expect((await connect()).sink.status).toBe(200)
  })

  it('refuse one key too often with 429, and no other key', async () => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnectionsPerKey: 2 } })
    const as = (key: string) => connect({ authorize: () => ({ context: 1, key }) })
    const [first] = [await as('eve'), await as('eve')]
    for (let count = 0; count < 10_000; count++)
      await manager.connect({ raw: 0, lastEventId: '' }, new IgnoringSink(), {
        authorize: () => ({ context: 1, key: 'eve' }),
      })
    expect(manager.stats()).toMatchObject({ connections: 2, refused: 10_000 })
    const refused = await as('eve')
    expect([refused.sink.status, Number(refused.headers!['retry-after']) > 0]).toEqual([429, true])
    expect((await as('bob')).sink.status).toBe(200)
    first!.sink.destroy()
    await calm()
    expect((await as('eve')).sink.status).toBe(200)
  })
})

describe('refuseBusyWith: stream', () => {
  const busy = { refuseBusyWith: 'stream' } as const

  it('takes the headers that authorize gave by their names in any case', async () => {
    const { connect } = createHarness({ events })
    const headers = { 'Retry-After': '30', 'CONTENT-TYPE': 'text/html' }
    const { headers: sent, retries } = await connect({ ...busy, authorize: () => ({ status: 429, headers }) })
    expect(sent).toEqual({ ...streamHeaders, 'retry-after': '30' })
    expect(retries).toEqual([30_000])
  })

  it('answers at a limit with a stream that says when to come back, and ends', async () => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnections: 1 } })
    await connect()
    const refused = await connect(busy)
    expect(refused.sink.status).toBe(200)
    expect(refused.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
    })
    expect(refused.retries).toEqual([expect.any(Number)])
    expect(refused.retries[0]).toBeGreaterThanOrEqual(5_000)
    expect(controlEventsOf(refused.messages)).toEqual([{ type: 'rivulet:close', reason: 'busy', retry: true }])
    expect(refused.sink.closed).toBe(true)
    expect(manager.stats()).toMatchObject({ connections: 1, refused: 1 })
    await calm()
  })

  it.each([
    ['the limit of a key', 429, 200],
    ['no right', 403, 403],
    ['no credential', 401, 401],
    ['a mistake', 500, 500],
  ])('is for those alone who may come back: %s', async (_, status, answered) => {
    const { connect } = createHarness({ events, retryMs: 7_000 })
    const { sink, retries } = await connect({ ...busy, authorize: () => ({ status }) })
    expect(sink.status).toBe(answered)
    expect(retries).toEqual(answered === 200 ? [7_000] : [])
  })
})

class IgnoringSink {
  bufferedBytes = 0
  closed = false
  attach() {}
  refuse() {}
  open() {}
  write() {
    return true
  }
  end() {}
  destroy() {}
}

describe('filter', () => {
  it('hides events live and in replay, whatever the cursor', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const filter: Options['filter'] = (event) => event.type !== 'log' || !event.message.startsWith('secret')
    const { id } = await manager.publish('log', { message: '0' })
    for (const message of ['secret 1', '1', 'secret 2']) await manager.publish('log', { message })
    const client = await connect({ filter }, id)
    for (const message of ['2', 'secret 3', '3']) await manager.publish('log', { message })
    await manager.publish('log', { message: 'secret 4' }, { retain: false })
    await calm()
    expect(texts(client.messages)).toEqual(['1', '2', '3'])
    expect(controlEventsOf(client.messages)).toMatchObject([{ recovered: true, replayed: 1 }])
    const all = await connect({}, id)
    expect(texts(all.messages)).toEqual(['secret 1', '1', 'secret 2', '2', 'secret 3', '3'])
  })

  it('withholds what it throws on, and reports it', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const error = new Error('no idea')
    const client = await connect({
      filter: (event) => {
        if (event.type === 'log' && event.message === 'bad') throw error
        return true
      },
    })
    const other = await connect()
    for (const message of ['1', 'bad', '2']) await manager.publish('log', { message })
    await calm()
    expect(texts(client.messages)).toEqual(['1', '2'])
    expect(texts(other.messages)).toEqual(['1', 'bad', '2'])
    expect(errors).toMatchObject([{ error, context: { stage: 'filter' } }])
  })
})

describe('a filter that does not answer', () => {
  it.each([
    ['a promise of false', () => Promise.resolve(false)],
    ['a promise of true', () => Promise.resolve(true)],
    ['a promise that rejects', () => Promise.reject(new Error('no rights'))],
    ['nothing', () => undefined],
    ['a function', () => () => true],
    ['a text', () => 'yes'],
  ])('true or false but %s lets nothing pass, live or replayed, and is reported', async (_, answer) => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const { id } = await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    const client = await connect({ filter: answer as never }, id)
    await manager.publish('log', { message: '3' })
    await manager.publish('log', { message: '4' }, { retain: false })
    await calm()
    expect(texts(client.messages)).toEqual([])
    expect(errors).toHaveLength(3)
    expect(errors).toMatchObject(errors.map(() => ({ context: { stage: 'filter' } })))
  })
})

describe('snapshot', () => {
  const state = (total: number, cursor?: string): Snapshot<typeof events> => ({
    events: [{ type: 'state', payload: { total } }],
    cursor,
  })

  it('comes before the first event, with what was published meanwhile after it', async () => {
    const { manager, connect, calm } = createHarness({ events })
    await manager.publish('log', { message: 'before' })
    let answer = (_: Snapshot<typeof events>) => {}
    const snapshot = vi.fn(
      () =>
        new Promise<Snapshot<typeof events>>((resolve) => {
          answer = resolve
        }),
    )
    const client = await connect({ snapshot, replay: 10 })
    await manager.publish('log', { message: 'meanwhile' })
    await manager.publish('log', { message: 'live only' }, { retain: false })
    await calm()
    answer(state(1))
    await calm()
    await manager.publish('log', { message: 'after' })
    await calm()
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'state', 'log', 'log', 'log'])
    expect(texts(client.messages)).toEqual(['meanwhile', 'live only', 'after'])
    // A client that leaves with part of the snapshot has no cursor, and gets it again. With all of it, it resumes.
    expect(client.messages[0]!.lastEventId).toBe('')
    const again = await connect({ snapshot }, client.messages[1]!.lastEventId)
    expect(texts(again.messages)).toEqual(['meanwhile', 'after'])
    expect(snapshot).toHaveBeenCalledOnce()
  })

  it('goes on after the event that it says it includes', async () => {
    const { manager, connect } = createHarness({ events })
    await manager.publish('log', { message: '1' })
    const { id } = await manager.publish('log', { message: '2' })
    await manager.publish('log', { message: '3' })
    const client = await connect({ snapshot: () => state(2, id) })
    expect(texts(client.messages)).toEqual(['3'])
  })

  it('is for those alone who cannot go on from where they were', async () => {
    const { manager, connect } = createHarness({ events, retention: { maxEvents: 2 } })
    const ids: string[] = []
    for (const message of ['1', '2', '3', '4']) ids.push((await manager.publish('log', { message })).id!)
    const snapshot = vi.fn(() => state(4))
    const resumed = await connect({ snapshot }, ids[2])
    expect(resumed.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log'])
    expect(snapshot).not.toHaveBeenCalled()
    const lost = await connect({ snapshot }, ids[0])
    expect(lost.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'rivulet:gap', 'state'])
    expect(controlEventsOf(lost.messages)).toMatchObject([{ recovered: false, replayed: 0 }, { reason: 'trimmed' }])
  })

  it.each([
    ['fails', () => Promise.reject(new Error())],
    ['does not fit the contract', () => ({ events: [{ type: 'state', payload: { total: 'x' as never } }] }) as const],
    ['is of no event', () => ({ events: [], cursor: 'not an id!' })],
    ['is of an event yet to come', () => ({ events: [], cursor: 'zzzzzzzzzz' })],
    ['is of a number', () => ({ events: [], cursor: 1 as never })],
    ['is nothing', () => undefined as never],
    ['is a map', () => ({ events: new Map([[0, 'state']]) as never })],
    ['has a hole', () => ({ events: [undefined as never] })],
  ])('that %s is answered with 500, and leaves nothing behind', async (_, snapshot) => {
    const { manager, connect, errors } = createHarness({ events })
    expect((await connect({ snapshot })).sink.status).toBe(500)
    expect(errors).toHaveLength(1)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})
