import { defineEvents, type EventOf } from '@rivulet/core'
import { expectTypeOf } from 'vitest'
import type { ShallowRef } from 'vue'
import { z } from 'zod'
import { useEventHistory, useEventReducer, useGap, useServerEvent, useServerEvents } from './index.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})
type Events = typeof events

export function composables(): void {
  const { events: lines, latest } = useServerEvents(events.log, { limit: () => 5, replay: true })
  expectTypeOf(lines.value).toEqualTypeOf<readonly EventOf<Events, 'log'>[]>()
  expectTypeOf(latest.value).toEqualTypeOf<EventOf<Events, 'log'> | undefined>()
  expectTypeOf(useServerEvents([events.log, events.dated]).events.value).toEqualTypeOf<readonly EventOf<Events>[]>()
  expectTypeOf(useServerEvents(() => events.dated).events.value[0]!.at).toEqualTypeOf<Date>()
  const history = useEventHistory(events.log, { history: () => '/old', limit: 5 })
  expectTypeOf(history.events.value).toEqualTypeOf<readonly EventOf<Events, 'log'>[]>()
  expectTypeOf(history.hasOlder.value).toEqualTypeOf<boolean>()
  const hasOlder = useEventHistory(events.log, { select: (view) => view.hasOlder })
  expectTypeOf(hasOlder.value).toEqualTypeOf<boolean>()

  useServerEvent(events.dated, ({ at }) => expectTypeOf(at).toEqualTypeOf<Date>())
  const errors = useEventReducer(events.log, (count, { level }) => count + Number(level === 'error'), 0)
  expectTypeOf(errors).toEqualTypeOf<Readonly<ShallowRef<number>>>()
  const level = useServerEvents(events.log, { select: ({ latest }) => latest?.level, enabled: () => true })
  expectTypeOf(level.value).toEqualTypeOf<'info' | 'error' | undefined>()
  const even = useEventReducer(events.log, (count) => count + 1, 0, { select: (count) => count % 2 === 0 })
  expectTypeOf(even.value).toEqualTypeOf<boolean>()
  useGap(({ channel }) => expectTypeOf(channel).toEqualTypeOf<string | undefined>())

  // @ts-expect-error: the contract has no such event
  useServerEvents(events.lgo)
  // @ts-expect-error: a name says nothing without its contract
  useServerEvents('log')
  // @ts-expect-error: the event has no such key
  useServerEvent(events.log, ({ text }) => text)
}
