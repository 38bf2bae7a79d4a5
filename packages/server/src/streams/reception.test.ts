import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import type { EventStreamOptions, Snapshot } from './stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})
type Options = EventStreamOptions<unknown, unknown, typeof events>

const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

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

  it('prints even values that cannot be printed, by default', async () => {
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
  it('does not begin if the client was revoked while the stream was being opened', async () => {
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

  it('withholds an event that it throws on, and reports the error', async () => {
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
  ])('%s instead of true or false lets nothing pass, live or replayed, and is reported', async (_, answer) => {
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
