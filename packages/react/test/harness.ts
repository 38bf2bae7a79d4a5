import type { FakeStream } from '@rivulet/testing'
import { act } from '@testing-library/react'
import type { Events } from '../../../test-support/fake-log.js'

export { createFake, type Events, events } from '../../../test-support/fake-log.js'

/** Waits for the frame that shows everything up to now. */
export async function frame(): Promise<void> {
  await act(() => new Promise<void>((resolve) => requestAnimationFrame(() => resolve())))
}

/** Resolves when the fake's stream is open and has delivered its events. */
export async function opened(fake: FakeStream<Events>): Promise<void> {
  await act(() => fake.connect())
}

/** Sends log lines in one task and waits until they are shown. */
export async function pushLines(fake: FakeStream<Events>, ...messages: string[]): Promise<void> {
  await act(async () => {
    await Promise.all(messages.map((message) => fake.push('log', { message })))
  })
  await frame()
}
