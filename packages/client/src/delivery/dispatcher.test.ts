import { type BaseEvent, defineEvents, EventValidationError, type SseMessage } from '@rivulet/core'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import type { Received } from '../connection/stream-link.js'
import { ContractDispatcher, type ContractDispatcherOptions } from './contract-dispatcher.js'
import type { Dispatcher } from './dispatcher.js'

const events = defineEvents({
  token: z.object({ text: z.string() }),
  loose: z.looseObject({}),
  dated: z.strictObject({ at: z.string().transform((text) => new Date(text)) }),
  late: z.object({ n: z.number() }).refine(() => Promise.resolve(true)),
})

let errors: unknown[]

beforeEach(() => {
  errors = []
})

function create(options: Partial<ContractDispatcherOptions> = {}) {
  return new ContractDispatcher({
    contract: events,
    validate: true,
    mapMessage: undefined,
    clock: new FakeClock(77),
    callbackTimeoutMs: 10_000,
    report: (error) => errors.push(error),
    ...options,
  })
}

const message = (event: string, data: unknown, lastEventId = ''): SseMessage => ({
  event,
  data: typeof data === 'string' ? data : JSON.stringify(data),
  lastEventId,
})

const receipt = (message: SseMessage, id: string | undefined, positioned: boolean): Received => ({
  message,
  id,
  positioned,
  replayed: false,
  beside: undefined,
})

function collect(dispatcher: Dispatcher): BaseEvent[] {
  const received: BaseEvent[] = []
  dispatcher.any.add((event) => received.push(event))
  return received
}

describe('reading', () => {
  test('delivers the schema’s output, and passes the schema only the payload', () => {
    const dispatcher = create()
    const received = collect(dispatcher)
    const sent = { at: '2030-01-01', timestamp: 1, source: 's' }
    dispatcher.message(receipt(message('dated', sent), 'a', true))
    dispatcher.message(receipt(message('dated', { ...sent, channel: 'room' }), 'b', true))
    expect(errors).toEqual([])
    const event = { type: 'dated', timestamp: 1, source: 's', at: new Date('2030-01-01') }
    expect(received).toEqual([
      { id: 'a', ...event },
      { id: 'b', channel: 'room', ...event },
    ])
  })

  test('uses the time of receipt and an empty source if the stream has neither', () => {
    const dispatcher = create()
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('token', { text: 'x', timestamp: 'yesterday', source: 5 }), undefined, false))
    expect(received).toEqual([{ id: undefined, type: 'token', timestamp: 77, source: '', text: 'x' }])
  })

  test.each([undefined, events])('lets no payload become the prototype of its event', (contract) => {
    const mapMessage = ({ data }: SseMessage) => ({ type: 'loose', payload: JSON.parse(data) })
    for (const options of [{ contract }, { contract, validate: false }, { contract, mapMessage }]) {
      const dispatcher = create(options)
      const received = collect(dispatcher)
      dispatcher.message(receipt(message('loose', '{"__proto__":{"admin":true},"a":1}'), '1', true))
      const [event] = received as (BaseEvent & { admin?: boolean })[]
      expect(Object.getPrototypeOf(event)).toBe(Object.prototype)
      expect(event?.admin).toBeUndefined()
      expect(Object.assign({}, event)).toMatchObject({ a: 1 })
      expect(Object.hasOwn(event as object, '__proto__')).toBe(false)
    }
  })

  test('reports a limited number of unknown names', () => {
    const dispatcher = create()
    collect(dispatcher)
    for (let n = 0; n < 1_000; n++) dispatcher.message(receipt(message(`unknown ${n % 500}`, {}), undefined, true))
    expect(errors).toHaveLength(100)
  })

  test('skips an event whose schema never answers, and goes on', async () => {
    const clock = new FakeClock()
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => new Promise<never>(() => {}) },
    } as const
    const dispatcher = create({ clock, contract: { ...events, never: { type: 'never', schema } } })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('never', {}), '1', true))
    dispatcher.message(receipt(message('loose', {}), '2', true))
    clock.advance(10_000)
    await dispatcher.drained
    expect(errors).toMatchObject([{ code: 'RIVULET_CALLBACK_TIMEOUT', callback: 'validate' }])
    expect(received.map(({ type }) => type)).toEqual(['loose'])
    expect(clock.pending).toEqual([])
  })

  test('lets no payload forge the event’s own fields', () => {
    const dispatcher = create({ contract: undefined })
    const received = collect(dispatcher)
    const forged = message('token', '{"id":"forged","type":"admin","text":"x","__proto__":{"admin":true}}')
    dispatcher.message(receipt(forged, 'a', true))
    expect(received[0]).toMatchObject({ id: 'a', type: 'token', timestamp: 77, source: '' })
    expect((received[0] as { admin?: boolean }).admin).toBeUndefined()
    const validating = create()
    const validated = collect(validating)
    validating.message(receipt(message('loose', { id: 'forged', type: 'admin', x: 1 }), 'a', true))
    expect(validated).toEqual([{ id: 'a', type: 'loose', timestamp: 77, source: '', x: 1 }])
  })

  test.each(['', 'null', '1', '"text"', '[1]', '{'])('refuses data that is not an object: %s', (data) => {
    const dispatcher = create({ contract: undefined })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('token', data), 'a', true))
    expect(received).toEqual([])
    expect(errors).toEqual([expect.any(EventValidationError)])
    expect(dispatcher.lastEventId).toBe('a')
  })

  test('trusts the server if told to', () => {
    const dispatcher = create({ validate: false })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('token', { text: 5 }), undefined, false))
    expect(received).toMatchObject([{ text: 5 }])
  })

  test('validates by a handler’s definition if there is no contract', () => {
    const dispatcher = create({ contract: undefined })
    const handler = vi.fn()
    dispatcher.typed('token', events.token.schema).add(handler)
    dispatcher.message(receipt(message('token', { text: 5 }), undefined, false))
    dispatcher.message(receipt(message('token', { text: 'x' }), undefined, false))
    expect(errors).toEqual([expect.any(EventValidationError)])
    expect(handler).toHaveBeenCalledTimes(1)
  })
})

describe('mapMessage', () => {
  const mapMessage = ({ data }: SseMessage) => {
    if (data === 'skip') return undefined
    const { delta, created } = JSON.parse(data)
    return { type: 'token', payload: Object.freeze({ text: delta }), timestamp: created, source: 'vendor' }
  }

  test('turns foreign messages into typed events', () => {
    const dispatcher = create({ mapMessage })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('message', { delta: 'Hi', created: 5 }), undefined, false))
    dispatcher.message(receipt(message('message', 'skip'), undefined, false))
    dispatcher.message(receipt(message('message', { delta: 5 }), undefined, false))
    dispatcher.message(receipt(message('message', 'no JSON'), undefined, false))
    expect(received).toEqual([{ id: undefined, type: 'token', timestamp: 5, source: 'vendor', text: 'Hi' }])
    expect(errors).toEqual([expect.any(EventValidationError), expect.any(SyntaxError)])
  })

  test('may return frozen payloads without a contract', () => {
    const dispatcher = create({ mapMessage, contract: undefined })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('message', { delta: 'Hi' }), undefined, false))
    expect(received).toEqual([{ id: undefined, type: 'token', timestamp: 77, source: 'vendor', text: 'Hi' }])
  })
})

describe('an event that was already delivered', () => {
  const ids = (positioned: boolean, ...sequence: string[]) => {
    const dispatcher = create({ contract: undefined })
    const received = collect(dispatcher)
    for (const id of sequence) dispatcher.message(receipt(message('token', {}, id), id, positioned))
    return received.map(({ id }) => id)
  }

  test('is dropped by position', () => {
    expect(ids(true, 'y', 'z', '10', 'z', '10', '0z', '11', 'zz', '100')).toEqual(['y', 'z', '10', '11', 'zz', '100'])
  })

  test('is delivered again if IDs are not positions', () => {
    expect(ids(false, 'b', 'a', 'a', 'b')).toEqual(['b', 'a', 'a', 'b'])
  })

  test('is delivered again if the server started over', () => {
    const dispatcher = create({ contract: undefined })
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('token', {}, '9'), '9', true))
    dispatcher.gap({ type: 'rivulet:gap', reason: 'lagged' })
    dispatcher.message(receipt(message('token', {}, '5'), '5', true))
    dispatcher.gap({ type: 'rivulet:gap', reason: 'restarted' })
    dispatcher.message(receipt(message('token', {}, '4'), '4', true))
    expect(received.map(({ id }) => id)).toEqual(['9', '4'])
  })
})

describe('while a schema is pending', () => {
  test('everything after it waits: events, messages, gaps and cursors', async () => {
    const dispatcher = create()
    const calls: unknown[] = []
    dispatcher.raw.add(({ event }) => calls.push(event))
    dispatcher.any.add(({ type }) => calls.push(`typed ${type}`))
    dispatcher.gaps.add(({ reason }) => calls.push(reason))
    dispatcher.message(receipt(message('late', { n: 1 }), '1', true))
    dispatcher.message(receipt(message('token', { text: '' }), '2', true))
    dispatcher.gap({ type: 'rivulet:gap', reason: 'lagged' })
    dispatcher.message(receipt(message('late', { n: 'none' }), '3', true))
    dispatcher.moveTo('4')
    dispatcher.inOrder(() => calls.push(dispatcher.lastEventId))
    expect(calls).toEqual([])
    expect(dispatcher.lastEventId).toBe('')
    await dispatcher.drained
    expect(calls).toEqual(['late', 'typed late', 'token', 'typed token', 'lagged', 'late', '4'])
    expect(errors).toEqual([expect.any(EventValidationError)])
    expect(dispatcher.drained).toBeUndefined()
    dispatcher.message(receipt(message('token', { text: '' }), '5', true))
    expect(calls.slice(-2)).toEqual(['token', 'typed token'])
  })

  test('cancel drops waiting events, and later ones are delivered at once', async () => {
    const dispatcher = create()
    const received = collect(dispatcher)
    dispatcher.message(receipt(message('late', { n: 1 }), '1', true))
    dispatcher.message(receipt(message('late', { n: 2 }), '2', true))
    const drained = dispatcher.drained
    dispatcher.cancel()
    expect(dispatcher.lastEventId).toBe('')
    dispatcher.message(receipt(message('token', { text: '' }), '1', true))
    await drained
    expect(received.map(({ type }) => type)).toEqual(['token'])
    expect(dispatcher.lastEventId).toBe('1')
  })
})
