import { expectTypeOf } from 'vitest'
import { z } from 'zod'
import { defineEvents, type EventContract, type EventOf, mergeContracts, type PayloadOf } from './index.js'

const jobs = defineEvents({
  'job.progress': z.object({ done: z.number() }),
  'job.done': z.object({ at: z.string().transform((text) => new Date(text)) }),
})
const chat = defineEvents({ 'chat.message': z.object({ text: z.string() }) })
const users = defineEvents({ 'user.joined': z.object({ name: z.string() }) })

const events = mergeContracts(jobs, chat, users)

expectTypeOf<keyof typeof events>().toEqualTypeOf<'job.progress' | 'job.done' | 'chat.message' | 'user.joined'>()
expectTypeOf(events['job.progress']).toEqualTypeOf<(typeof jobs)['job.progress']>()
expectTypeOf<EventOf<typeof events, 'chat.message'>>().toEqualTypeOf<EventOf<typeof chat, 'chat.message'>>()
expectTypeOf<EventOf<typeof events, 'job.done'>['at']>().toEqualTypeOf<Date>()
expectTypeOf<PayloadOf<typeof events, 'job.done'>>().toEqualTypeOf<{ at: string }>()
expectTypeOf(mergeContracts(chat)).toEqualTypeOf<typeof chat>()

// A merged contract is a contract: it can be merged again.
expectTypeOf(mergeContracts(mergeContracts(jobs, chat), users)).toEqualTypeOf<typeof events>()

// A contract of more events is one of its areas.
expectTypeOf(events).toExtend<typeof jobs>()

// @ts-expect-error: both have the event
mergeContracts(chat, defineEvents({ 'chat.message': z.object({ text: z.string() }) }))

// @ts-expect-error: the first and the last one have the event
mergeContracts(chat, jobs, defineEvents({ 'chat.message': z.object({}), other: z.object({}) }))

// @ts-expect-error: an area twice
mergeContracts(jobs, jobs)

// Contracts that only the program knows, such as those of plugins, are compared when it runs.
declare const plugins: EventContract[]
expectTypeOf(mergeContracts(...plugins)).toExtend<EventContract>()
