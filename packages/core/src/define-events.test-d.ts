import { type } from 'arktype'
import * as v from 'valibot'
import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { type BaseEvent, defineEvents, type EventOf, type PayloadOf } from './index.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
  progress: v.object({ percent: v.number() }),
  tick: type({ count: 'number' }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})

expectTypeOf(events.log.type).toEqualTypeOf<'log'>()

expectTypeOf<EventOf<typeof events, 'log'>>().toExtend<BaseEvent<'log'>>()
expectTypeOf<EventOf<typeof events, 'log'>['level']>().toEqualTypeOf<'info' | 'error'>()
expectTypeOf<EventOf<typeof events>['type']>().toEqualTypeOf<'log' | 'progress' | 'tick' | 'dated'>()
expectTypeOf<EventOf<typeof events, 'progress'>['percent']>().toEqualTypeOf<number>()
expectTypeOf<EventOf<typeof events, 'tick'>['count']>().toEqualTypeOf<number>()

// A transforming schema: publish takes its input, receipt gives its output.
expectTypeOf<PayloadOf<typeof events, 'dated'>>().toEqualTypeOf<{ at: string }>()
expectTypeOf<EventOf<typeof events, 'dated'>['at']>().toEqualTypeOf<Date>()

// @ts-expect-error: the contract has no such event
events.lgo

// @ts-expect-error: id belongs to the event itself
defineEvents({ user: z.object({ id: z.string() }) })

// @ts-expect-error: also when only some payloads have it
defineEvents({ user: z.object({ timestamp: z.number().optional() }) })

// @ts-expect-error: a payload is an object
defineEvents({ count: z.number() })
