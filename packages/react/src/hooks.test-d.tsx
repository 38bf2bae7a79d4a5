import { type ConnectionState, EventStreamService } from '@rivulet/client'
import { defineEvents, type EventOf } from '@rivulet/core'
import type { ReactElement } from 'react'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import {
  SSEProvider,
  useConnectionStatus,
  useEventHistory,
  useEventReducer,
  useEventStream,
  useGap,
  useServerEvent,
  useServerEvents,
} from './index.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})
type Events = typeof events

export function Hooks(): void {
  const { events: lines, latest } = useServerEvents(events.log, { limit: 5, replay: true })
  expectTypeOf(lines).toEqualTypeOf<readonly EventOf<Events, 'log'>[]>()
  expectTypeOf(latest).toEqualTypeOf<EventOf<Events, 'log'> | undefined>()
  expectTypeOf(lines[0]!.level).toEqualTypeOf<'info' | 'error'>()

  const history = useEventHistory(events.log)
  expectTypeOf(history.events).toEqualTypeOf<readonly EventOf<Events, 'log'>[]>()
  expectTypeOf(history.loadOlder).toEqualTypeOf<() => Promise<void>>()
  const hasOlder = useEventHistory(events.log, { history: '/old', select: (view) => view.hasOlder })
  expectTypeOf(hasOlder).toEqualTypeOf<boolean>()
  // @ts-expect-error: a list without a history loads nothing.
  void useServerEvents(events.log).loadOlder

  // Several definitions give their union, told apart by the type.
  const both = useServerEvents([events.log, events.dated])
  for (const event of both.events) {
    expectTypeOf(event).toEqualTypeOf<EventOf<Events>>()
    if (event.type === 'dated') expectTypeOf(event.at).toEqualTypeOf<Date>()
  }

  useServerEvent(events.dated, ({ at }) => expectTypeOf(at).toEqualTypeOf<Date>())
  useServerEvent(events.log, async ({ message }) => expectTypeOf(message).toEqualTypeOf<string>())

  const errors = useEventReducer(events.log, (count, { level }) => count + Number(level === 'error'), 0)
  expectTypeOf(errors).toEqualTypeOf<number>()

  // A selection has its own type, from the typed view or state.
  const level = useServerEvents(events.log, { limit: 5, select: ({ latest }) => latest?.level })
  expectTypeOf(level).toEqualTypeOf<'info' | 'error' | undefined>()
  const even = useEventReducer(events.log, (count) => count + 1, 0, {
    select: (count) => count % 2 === 0,
    equal: (a, b) => a === b,
    enabled: true,
    throttleMs: 100,
    channel: 'job:1',
  })
  expectTypeOf(even).toEqualTypeOf<boolean>()
  useGap(({ reason, channel }) => {
    expectTypeOf(reason).toExtend<string>()
    expectTypeOf(channel).toEqualTypeOf<string | undefined>()
  })

  expectTypeOf(useConnectionStatus()).toExtend<ConnectionState>()
  expectTypeOf(useEventStream<Events>()).toEqualTypeOf<EventStreamService<Events>>()

  // @ts-expect-error: the contract has no such event
  useServerEvents(events.lgo)
  // @ts-expect-error: a name says nothing without its contract
  useServerEvents('log')
  // @ts-expect-error: the event has no such key
  useServerEvent(events.log, ({ text }) => text)
  // @ts-expect-error: the event has no such key
  useServerEvents(events.log, { select: ({ latest }) => latest?.text })
  // @ts-expect-error: the state is a number
  useEventReducer(events.log, () => 'text', 0)
}

const service = new EventStreamService({ url: '/events', events })

export function providers(): ReactElement[] {
  return [
    <SSEProvider key="1" service={service} />,
    <SSEProvider key="2" url="/events" events={events} headers={() => ({})} bufferSize={5} />,
    // @ts-expect-error: neither a stream nor where one is
    <SSEProvider key="3" events={events} />,
    <SSEProvider key="5" url="/events" events={events} channels={['job:1']} controlUrl="/change" />,
    // @ts-expect-error: names of channels
    <SSEProvider key="6" url="/events" events={events} channels={[1]} />,
    // @ts-expect-error: a stream has its options already
    <SSEProvider key="4" service={service} url="/events" />,
  ]
}
