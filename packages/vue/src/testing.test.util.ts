import { type ContractOf, defineEvents } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { onTestFinished } from 'vitest'
import { nextTick } from 'vue'
import { z } from 'zod'

type Schemas = {
  log: z.ZodObject<{ message: z.ZodString }>
  progress: z.ZodObject<{ percent: z.ZodNumber }>
}

export const events: ContractOf<Schemas> = defineEvents({
  log: z.object({ message: z.string() }),
  progress: z.object({ percent: z.number() }),
})

export type Events = typeof events

export function createFake(options?: FakeStreamOptions<Events>): FakeStream<Events> {
  const fake = new FakeStream(events, options)
  fake.service.onError(() => {})
  onTestFinished(() => fake.service.close())
  return fake
}

/** Waits until the frame is over in which what has happened so far is shown. */
export async function frame(): Promise<void> {
  await new Promise<void>((resolve) => requestAnimationFrame(() => resolve()))
  await nextTick()
}

/** Sends log lines in one task, and waits until they are shown. */
export async function pushLines(fake: FakeStream<Events>, ...messages: string[]): Promise<void> {
  await Promise.all(messages.map((message) => fake.push('log', { message })))
  await frame()
}
