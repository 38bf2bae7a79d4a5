import { defineEvents } from '@rivulet/core'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { EventManager } from './index.js'
import { handleEventStream } from './node.js'
import { eventStreamResponse } from './web.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  at: z.object({ time: z.string().transform(Number) }),
})
const manager = new EventManager({ events })

test('publish takes the input of the event named by its first argument', () => {
  void manager.publish('log', { message: '' })
  void manager.publish(events.log, { message: '' }, { channel: 'a' })
  void manager.publish('at', { time: '1' })
  manager.channel('a').emit(events.at, { time: '1' })
  // @ts-expect-error The payload is that of another event.
  void manager.publish('log', { time: '1' })
  // @ts-expect-error The payload is that of another event.
  void manager.publish(events.log, { time: '1' })
  // @ts-expect-error The wire carries what goes into the schema.
  void manager.publish('at', { time: 1 })
  // @ts-expect-error There is no such event.
  void manager.publish('nothing', {})
})

test('the context of authorize is that of channels, filter and snapshot', () => {
  void eventStreamResponse(manager, new Request('http://localhost'), {
    authorize: (request) => {
      expectTypeOf(request).toEqualTypeOf<Request>()
      return { context: { user: 'eve' } }
    },
    channels: (_, context) => [context.user],
    filter: (event, context) => event.type === 'log' && event.message === context.user,
    snapshot: (context) => ({ events: [{ type: 'log', payload: { message: context.user } }] }),
  })
  expectTypeOf(handleEventStream).returns.toEqualTypeOf<Promise<void>>()
})

test('an undefined context is refused, so other callbacks never see undefined', () => {
  const users = new Map<string, { name: string }>()
  void eventStreamResponse(manager, new Request('http://localhost'), {
    authorize: (request) => ({ context: users.get(request.url) }),
    channels: (_, context) => {
      expectTypeOf(context).toEqualTypeOf<{ name: string }>()
      return [context.name]
    },
  })
  void eventStreamResponse(manager, new Request('http://localhost'), {
    // @ts-expect-error A key alone lets nobody in.
    authorize: () => ({ key: 'eve' }),
  })
})

test('asynchronous functions get a signal', () => {
  void eventStreamResponse(manager, new Request('http://localhost'), {
    authorize: async (_, { signal }) => {
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
      return { context: 'eve' }
    },
    channels: async (_, context, { signal }) => (signal.aborted ? [] : [context]),
    snapshot: async (_, { signal }) => ({ events: [], cursor: String(signal.aborted) }),
    presence: async (context, { signal }) => ({ context, gone: signal.aborted }),
  })
})

test('synchronous functions may not return promises', () => {
  void eventStreamResponse(manager, new Request('http://localhost'), {
    // @ts-expect-error A promise is true, whatever it resolves to.
    filter: async () => false,
  })
  // @ts-expect-error A promise is true, whatever it resolves to.
  manager.disconnect(async () => false, 'revoked')
})
