import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from './harness.test.util.js'
import { controlEventsOf, dataOf } from './stream-client.test.util.js'
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
    ['nothing, by mistake', undefined as never, 500],
    ['a credential that has ended', { expiresAt: new Date(0) }, 401],
  ])('answers with %s', async (_, answer, status) => {
    const { manager, connect } = createHarness({ events })
    const { sink } = await connect({ authorize: () => answer })
    expect(sink.status).toBe(status)
    expect(manager.stats()).toMatchObject(
      status === 200 ? { connections: 1, refused: 0 } : { connections: 0, refused: 1 },
    )
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
    ['no array, by mistake', () => undefined as never, 500],
    ['an error', () => Promise.reject(new Error()), 500],
  ])('refuses a stream for which channels answers with %s', async (_, channels, status) => {
    const { connect, manager } = createHarness({ events })
    expect((await connect({ channels })).sink.status).toBe(status)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})

describe('a stream’s life', () => {
  it('ends with its credential, and the client is asked back', async () => {
    const { clock, connect, calm } = createHarness({ events })
    const client = await connect({ authorize: () => ({ expiresAt: clock.now() + 3_600_000 }) })
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
    const client = await connect({ authorize: () => ({ expiresAt: clock.now() + 30 * 86_400_000 }) })
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
    const client = await connect({ authorize: () => ({ key: 'eve' }), snapshot })
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
    expect(Number(refused.headers!['Retry-After'])).toBeGreaterThanOrEqual(1)
    first!.sink.destroy()
    await calm()
    expect((await connect()).sink.status).toBe(200)
  })

  it('refuse one key too often with 429, and no other key', async () => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnectionsPerKey: 2 } })
    const as = (key: string) => connect({ authorize: () => ({ key }) })
    const [first] = [await as('eve'), await as('eve')]
    for (let count = 0; count < 10_000; count++)
      await manager.connect({ raw: 0, lastEventId: '' }, new IgnoringSink(), { authorize: () => ({ key: 'eve' }) })
    expect(manager.stats()).toMatchObject({ connections: 2, refused: 10_000 })
    const refused = await as('eve')
    expect([refused.sink.status, Number(refused.headers!['Retry-After']) > 0]).toEqual([429, true])
    expect((await as('bob')).sink.status).toBe(200)
    first!.sink.destroy()
    await calm()
    expect((await as('eve')).sink.status).toBe(200)
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

describe('snapshot', () => {
  const state = (total: number, asOf?: string): Snapshot<typeof events> => ({
    events: [{ type: 'state', payload: { total } }],
    asOf,
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
    // Whoever leaves with a part of the snapshot has no cursor, and gets it again; with all of it, it goes on from there.
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
    ['is of no event', () => ({ events: [], asOf: 'not an id!' })],
    ['is of an event yet to come', () => ({ events: [], asOf: 'zzzzzzzzzz' })],
  ])('that %s is answered with 500, and leaves nothing behind', async (_, snapshot) => {
    const { manager, connect, errors } = createHarness({ events })
    expect((await connect({ snapshot })).sink.status).toBe(500)
    expect(errors).toHaveLength(1)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})
