import type { FakeStream } from '@rivulet/testing'
import { render } from '@testing-library/vue'
import { defineComponent, h, nextTick, onUpdated, type ShallowRef, shallowRef } from 'vue'
import { SSEProvider } from '../src/index.js'
import { createFake, type Events } from './harness.js'

export interface Mounted<T> {
  fake: FakeStream<Events>
  /** Result of the composables. */
  result: () => T
  /** Number of renders since the stream opened. */
  updates: () => number
  /** Shows the component while true. */
  shown: ShallowRef<boolean>
  unmount: () => void
  text: () => string | null
}

/** Runs composables in a component inside the provider of a fake stream. Resolves when the stream is open. */
export async function mount<T>(setup: () => T, show: (result: T) => unknown = () => ''): Promise<Mounted<T>> {
  const fake = createFake()
  let result!: T
  let updates = 0
  const shown = shallowRef(true)
  const Child = defineComponent(() => {
    result = setup()
    onUpdated(() => void updates++)
    return () => h('p', String(show(result)))
  })
  const { container, unmount } = render(() => h(SSEProvider, { service: fake.service }, () => shown.value && h(Child)))
  await fake.connect()
  await nextTick()
  updates = 0
  return { fake, result: () => result, updates: () => updates, shown, unmount, text: () => container.textContent }
}
