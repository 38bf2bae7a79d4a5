import { type ContractOf, defineEvents } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { act } from '@testing-library/react'
import { onTestFinished } from 'vitest'
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
  await act(() => new Promise<void>((resolve) => requestAnimationFrame(() => resolve())))
}

/** Settles when the fake's stream is open and has delivered. */
export async function opened(fake: FakeStream<Events>): Promise<void> {
  await act(() => fake.connect())
}

/** Sends log lines in one task, and waits until they are shown. */
export async function pushLines(fake: FakeStream<Events>, ...messages: string[]): Promise<void> {
  await act(async () => {
    await Promise.all(messages.map((message) => fake.push('log', { message })))
  })
  await frame()
}
