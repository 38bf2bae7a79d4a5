import { defineEvents, type EventOf } from '@rivulet/core'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { EventStreamService } from '../event-stream-service.js'
import { type EventsView, type Store, StreamStores } from './index.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})
type Events = typeof events

export function stores(): void {
  const stores = new StreamStores(new EventStreamService({ url: '/events', events }))
  expectTypeOf(stores.events(events.log)).toEqualTypeOf<Store<EventsView<EventOf<Events, 'log'>>>>()
  expectTypeOf(stores.events([events.log, events.dated]).get().events).toEqualTypeOf<readonly EventOf<Events>[]>()
  const level = stores.events(events.log, { limit: 5, select: ({ latest }) => latest?.level })
  expectTypeOf(level).toEqualTypeOf<Store<'info' | 'error' | undefined>>()
  expectTypeOf(stores.reduce(events.dated, (_, { at }) => at.getTime(), 0)).toEqualTypeOf<Store<number>>()
  expectTypeOf(stores.reduce(events.log, (n) => n + 1, 0, { select: String })).toEqualTypeOf<Store<string>>()

  // @ts-expect-error: the contract has no such event
  stores.events(events.lgo)
  // @ts-expect-error: the event has no such key
  stores.events(events.log, { select: ({ latest }) => latest?.text })
}
