import { type BaseEvent, defineEvents, type EventOf, type SseMessage } from '@rivulet/core'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { EventStreamService } from './index.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})
const other = defineEvents({ other: z.object({ n: z.number() }) })

const stream = new EventStreamService({ url: '/events', events })

stream.on(events.log, (event) => {
  expectTypeOf(event.level).toEqualTypeOf<'info' | 'error'>()
  expectTypeOf(event.type).toEqualTypeOf<'log'>()
  expectTypeOf(event.id).toEqualTypeOf<string | undefined>()
})
// Receipt gives the schema's output.
stream.on('dated', ({ at }) => expectTypeOf(at).toEqualTypeOf<Date>())
stream.once('log', async ({ message }) => expectTypeOf(message).toEqualTypeOf<string>())
stream.onAny((event) => expectTypeOf(event).toEqualTypeOf<EventOf<typeof events>>())
stream.onMessage((message) => expectTypeOf(message).toEqualTypeOf<SseMessage>())

// A definition carries its own types, of whatever contract it is.
stream.on(other.other, ({ n }) => expectTypeOf(n).toEqualTypeOf<number>())

// @ts-expect-error: the contract has no such event
stream.on('lgo', () => {})
// @ts-expect-error: nor can it be iterated
stream.events('lgo')
// @ts-expect-error: a handler of another event
stream.on('log', (_: EventOf<typeof events, 'dated'>) => {})

const handler = (_: EventOf<typeof events, 'log'>) => {}
stream.off('log', handler)
stream.off(events.log, handler)

expectTypeOf(stream.events().next()).resolves.toEqualTypeOf<IteratorResult<EventOf<typeof events>, undefined>>()
expectTypeOf(stream.events('log').next()).resolves.toEqualTypeOf<
  IteratorResult<EventOf<typeof events, 'log'>, undefined>
>()
expectTypeOf(stream.events(events.dated).next()).resolves.toEqualTypeOf<
  IteratorResult<EventOf<typeof events, 'dated'>, undefined>
>()
expectTypeOf(stream.messages().next()).resolves.toEqualTypeOf<IteratorResult<SseMessage, undefined>>()

// The `fetch` of other platforms may take less than that of a browser: a text, and some of the options.
const nativeFetch = (_url: string, _init?: { method?: string; headers?: HeadersInit; signal?: AbortSignal | null }) =>
  Promise.resolve(new Response())
new EventStreamService({ url: '/events', fetch: nativeFetch })
new EventStreamService({ url: '/events', fetch })

expectTypeOf(stream.setChannels(['job:1'])).toEqualTypeOf<Promise<void>>()
// @ts-expect-error: a list of names
void stream.setChannels('job:1')

// Without a contract any name goes, and events are what all have in common.
const untyped = new EventStreamService({ url: '/events' })
untyped.on('anything', (event) => expectTypeOf(event).toExtend<BaseEvent>())
