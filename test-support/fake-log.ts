import { type ContractOf, defineEvents } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { onTestFinished } from 'vitest'
import { z } from 'zod'

// What the tests of @rivulet/react and of @rivulet/vue are about.

type Schemas = {
  log: z.ZodObject<{ message: z.ZodString }>
  progress: z.ZodObject<{ percent: z.ZodNumber }>
}

export const events: ContractOf<Schemas> = defineEvents({
  log: z.object({ message: z.string() }),
  progress: z.object({ percent: z.number() }),
})

export type Events = typeof events

/** A stream in the test's hands, closed after it. */
export function createFake(options?: FakeStreamOptions<Events>): FakeStream<Events> {
  const fake = new FakeStream(events, options)
  fake.service.onError(() => {})
  onTestFinished(() => fake.service.close())
  return fake
}
