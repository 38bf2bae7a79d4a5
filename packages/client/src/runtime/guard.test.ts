import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { EventStreamService, type EventStreamServiceOptions } from '../index.js'
import { ask, decide } from './guard.js'

describe('ask', () => {
  const patience = (timeoutMs = 10_000) => ({ clock: new FakeClock(), signal: new AbortController().signal, timeoutMs })

  test('leaves no timer or listener, however it ends', async () => {
    for (const answer of [() => 1, async () => 1, () => Promise.reject(new Error('no')), () => new Promise(() => {})]) {
      const { clock, signal, timeoutMs } = patience()
      const [added, removed] = [vi.spyOn(signal, 'addEventListener'), vi.spyOn(signal, 'removeEventListener')]
      const asked = ask('x', answer, { clock, signal, timeoutMs }).catch(() => {})
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(timeoutMs)
      await asked
      expect(clock.pending).toEqual([])
      expect(removed).toHaveBeenCalledTimes(added.mock.calls.length)
    }
  })

  test('calls nothing after an abort', async () => {
    const callback = vi.fn()
    const signal = AbortSignal.abort('left')
    await expect(ask('x', callback, { ...patience(), signal })).rejects.toBe('left')
    expect(callback).not.toHaveBeenCalled()
  })

  test('gives a reason if there is none', async () => {
    await expect(ask('x', () => Promise.reject(), patience())).rejects.toThrow('x failed with undefined.')
  })
})

test('decide does not accept a promise', async () => {
  const rejected = async () => Promise.reject(new Error('unhandled'))
  expect(() => decide('until', rejected, undefined)).toThrow(expect.objectContaining({ option: 'until' }))
})

describe('whatever the functions of an application do', () => {
  const harness = useHarness()
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown) => unhandled.push(error)

  beforeEach(() => {
    process.on('unhandledRejection', onUnhandled)
    vi.spyOn(console, 'error').mockImplementation(() => {})
  })

  afterEach(() => {
    process.off('unhandledRejection', onUnhandled)
    vi.restoreAllMocks()
  })

  const hostile = new Proxy(() => {}, {
    get: () => {
      throw new Error('hostile')
    },
  })
  const values: unknown[] = [
    undefined,
    null,
    true,
    0,
    Number.NaN,
    '',
    'text',
    Symbol('symbol'),
    {},
    [],
    Object.create(null),
    new Error('an error'),
    () => {},
    hostile,
    // biome-ignore lint/suspicious/noThenProperty: what other libraries return
    { then: (_: unknown, reject: (error: unknown) => void) => reject('of another kind') },
    {
      // biome-ignore lint/suspicious/noThenProperty: what other libraries return
      get then() {
        throw new Error('no then')
      },
    },
  ]
  const behaviour = fc.oneof(
    fc.constantFrom(...values).map((value) => () => value),
    fc.constantFrom(...values).map((value) => async () => value),
    fc.constantFrom(...values).map((value) => () => {
      throw value
    }),
    fc.constantFrom(...values).map((value) => () => Promise.reject(value)),
    fc.constant(() => new Promise(() => {})),
  )
  const names = [
    'url',
    'headers',
    'body',
    'fetch',
    'onUnauthorized',
    'mapMessage',
    'until',
    'getItem',
    'setItem',
    'schema',
    'handler',
    'onMessage',
    'onAny',
    'onGap',
    'onError',
    'onStatusChange',
  ] as const

  test('the stream continues or closes with an error, no rejection is unhandled, and close() leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), behaviour, fc.boolean(), async (name, misbehave, unauthorized) => {
        const { server, clock } = harness
        let attempts = 0
        server.answer = (_, response) => {
          if (unauthorized && ++attempts === 1) return response.writeHead(401).end()
          server
            .accept(response)
            .write(`${openFrame()}event: rivulet:gap\ndata: {"reason":"trimmed"}\n\n${frame('tick', { n: 1 }, '1')}`)
        }
        const called = vi.fn()
        const callback = (...values: unknown[]) => {
          called(...values)
          return (misbehave as (...values: unknown[]) => unknown)(...values)
        }
        const given = (...of: (typeof names)[number][]) => of.includes(name)
        const schema = z.looseObject({})
        const options = {
          url: given('url') ? callback : server.url,
          clock,
          events: {
            tick: {
              type: 'tick',
              schema: given('schema') ? { '~standard': { ...schema['~standard'], validate: callback } } : schema,
            },
          },
          onUnauthorized: given('onUnauthorized') ? callback : () => {},
          ...(given('headers', 'body', 'fetch', 'mapMessage', 'until') && { [name]: callback }),
          persist: {
            key: 'x',
            storage: {
              getItem: given('getItem') ? callback : () => null,
              setItem: given('setItem') ? callback : () => {},
            },
          },
        } as unknown as EventStreamServiceOptions
        const stream = new EventStreamService(options)
        const errors: unknown[] = []
        if (given('onError')) stream.onError(callback)
        stream.onError((error) => errors.push(error))
        if (given('onStatusChange')) stream.onStatusChange(callback)
        if (given('onGap')) stream.onGap(callback)
        if (given('onMessage')) stream.onMessage(callback)
        if (given('onAny')) stream.onAny(callback)
        if (given('handler')) stream.on('tick', callback)
        const seen = vi.fn()
        stream.onMessage(seen)
        stream.on('tick', () => {})
        stream.connect()

        // Longer than any function may take.
        await until(() => {
          clock.advance(5_000)
          return seen.mock.calls.length > 0 || stream.status === 'closed' || errors.length > 1
        })
        if (stream.status === 'closed' && !(name === 'until' && errors.length === 0)) {
          expect(stream.state.error, name).toBeDefined()
          expect(errors.length).toBeGreaterThan(0)
        }
        stream.close()
        expect(stream.status).toBe('closed')
        expect(clock.pending).toEqual([])
        await new Promise((resolve) => setImmediate(resolve))
        expect(clock.pending).toEqual([])
        expect(unhandled.splice(0)).toEqual([])
      }),
      { numRuns: Number(process.env.RIVULET_RUNS ?? 150) },
    )
  }, 60_000)
})
