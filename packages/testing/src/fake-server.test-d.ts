import { defineEvents } from '@rivulet/core'
import { z } from 'zod'
import { FakeStream } from './index.js'
import { mockEventStream } from './msw.js'

const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']) }),
  dated: z.object({ at: z.string().transform((text) => new Date(text)) }),
})

export async function push(): Promise<void> {
  for (const stream of [new FakeStream(events), mockEventStream('/events', events)] as const) {
    await stream.push(events.log, { level: 'info' })
    await stream.push('log', { level: 'error' })
    // A push takes what the wire carries: the schema's input.
    await stream.push(events.dated, { at: '2030-01-01' })
    // @ts-expect-error: not of the schema
    await stream.push(events.log, { level: 'debug' })
    // @ts-expect-error: not of the schema
    await stream.push('log', { level: 'debug' })
    // @ts-expect-error: the contract has no such event
    await stream.push('lgo', { level: 'info' })
  }
}
