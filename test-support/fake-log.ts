import { type ContractOf, defineEvents } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

// Events for the tests of @rivulet/react and @rivulet/vue.

type Schemas = {
  log: z.ZodObject<{ message: z.ZodString }>
  progress: z.ZodObject<{ percent: z.ZodNumber }>
}

export const events: ContractOf<Schemas> = defineEvents({
  log: z.object({ message: z.string() }),
  progress: z.object({ percent: z.number() }),
})

export type Events = typeof events

/** Creates a stream that the test controls. It is closed after the test. */
export function createFake(options?: FakeStreamOptions<Events>): FakeStream<Events> {
  const fake = new FakeStream(events, options)
  fake.service.onError(() => {})
  onTestFinished(() => fake.service.close())
  return fake
}
