import type { FakeStream } from '@rivulet/testing'
import { nextTick } from 'vue'
import type { Events } from '../../../test-support/fake-log.js'

export { createFake, type Events, events } from '../../../test-support/fake-log.js'

/** Waits for the frame that shows everything up to now. */
export async function frame(): Promise<void> {
  await new Promise<void>((resolve) => requestAnimationFrame(() => resolve()))
  await nextTick()
}

/** Sends log lines in one task and waits until they are shown. */
export async function pushLines(fake: FakeStream<Events>, ...messages: string[]): Promise<void> {
  await Promise.all(messages.map((message) => fake.push('log', { message })))
  await frame()
}
