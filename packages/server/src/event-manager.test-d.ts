import { type ContractOf, defineEvents, mergeContracts } from '@rivulet/core'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { type ConnectionInfo, type ErrorContext, EventManager, type ManagerChannel, RunManager } from './index.js'
import { handleEventStream, handleRunStream } from './node.js'
import { eventStreamResponse, runStreamResponse } from './web.js'

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

interface User {
  readonly name: string
}
declare const userOf: (request: Request) => User | undefined
const request = new Request('http://localhost')

test('connections have the context that the manager is made for', () => {
  const typed = new EventManager<typeof events, User>({
    events,
    onError: (_, { connection }) => expectTypeOf(connection).toEqualTypeOf<ConnectionInfo<User> | undefined>(),
  })
  for (const { context } of typed.connections.values()) expectTypeOf(context).toEqualTypeOf<User | undefined>()
  typed.disconnect(({ context }) => context?.name === 'eve', 'revoked')

  void eventStreamResponse(typed, request, {
    authorize: (each) => ({ context: userOf(each) }),
    channels: (_, context) => [context.name],
  })
  void eventStreamResponse(typed, request, {
    authorize: () => ({ context: { name: 'eve', admin: true } }),
    // A route may know more of its own users.
    channels: (_, context) => (context.admin ? ['admins'] : []),
  })
  // Without a context, a connection has none.
  void eventStreamResponse(typed, request, { authorize: () => true })
  void eventStreamResponse(typed, request)
  // @ts-expect-error The context of this route is no user.
  void eventStreamResponse(typed, request, { authorize: () => ({ context: 7 }) })
  void eventStreamResponse(typed, request, {
    // @ts-expect-error The context of this route is no user.
    authorize: () => ({ context: { id: 7 } }),
  })

  const runs = new RunManager({ manager: typed })
  const id = () => 'a'
  void runStreamResponse(runs, request, { id, authorize: (each) => ({ context: userOf(each) }) })
  void runStreamResponse(runs, request, { id, authorize: () => true })
  // @ts-expect-error The context of this route is no user.
  void runStreamResponse(runs, request, { id, authorize: () => ({ context: 7 }) })
  expectTypeOf(handleRunStream).returns.toEqualTypeOf<Promise<void>>()
})

test('a context that no manager names is unknown, and any route may have one', () => {
  for (const { context } of manager.connections.values()) expectTypeOf(context).toBeUnknown()
  expectTypeOf<ErrorContext['connection']>().toEqualTypeOf<ConnectionInfo | undefined>()
  void eventStreamResponse(manager, request, { authorize: () => ({ context: 7 }) })
  void eventStreamResponse(manager, request, { authorize: () => ({ context: { name: 'eve' } }) })
})

test('a manager with a context is one of any context', () => {
  const publishes = (some: EventManager<typeof events>) => some.publish('log', { message: '' })
  void publishes(new EventManager<typeof events, User>({ events }))
})

test('a manager of all events is one of each area', () => {
  const jobs = defineEvents({
    progress: z.object({ done: z.number() }),
    failed: z.object({ reason: z.string().transform((text) => new Error(text)) }),
  })
  const merged = mergeContracts(events, jobs)
  const all = new EventManager({ events: merged })
  const ofUsers = new EventManager<typeof merged, User>({ events: merged })

  const report = (area: EventManager<typeof jobs>) => {
    void area.publish('progress', { done: 1 })
    void area.channel('job:1').publish(jobs.failed, { reason: '' })
    area.emit(jobs.progress, { done: 1 })
    // @ts-expect-error That is an event of another area.
    void area.publish('log', { message: '' })
  }
  report(all)
  report(ofUsers)
  const channel: ManagerChannel<typeof jobs> = all.channel('job:1')
  void channel.publish('progress', { done: 1 })
  void new RunManager<typeof jobs>({ manager: all })

  // @ts-expect-error A manager of one area lacks the events of the others.
  const whole: EventManager<typeof merged> = new EventManager({ events: jobs })
  // @ts-expect-error The payload of this contract is another one.
  const other: EventManager<ContractOf<{ progress: z.ZodObject<{ done: z.ZodString }> }>> = all
  void [whole, other]
})
