import { render } from '@testing-library/vue'
import { expect, it } from 'vitest'
import { createApp, defineComponent, h, nextTick, ref } from 'vue'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events } from '../test/harness.js'
import { rivulet, SSEProvider, useEventReducer } from './index.js'

const Count = defineComponent(() => {
  const count = useEventReducer(events.log, (total) => total + 1, 0)
  return () => h('output', count.value)
})

function setUp() {
  const frames = stubFrames()
  const fake = createFake()
  return {
    frames,
    fake,
    push: () => fake.push('log', { message: 'x' }),
    async draw() {
      frames.draw()
      await nextTick()
    },
  }
}

it('shows events at most as often as throttleMs says, and all of them', async () => {
  const { fake, push, draw } = setUp()
  const throttleMs = ref(500)
  const { container } = render(() =>
    h(SSEProvider, { service: fake.service, throttleMs: throttleMs.value }, () => h(Count)),
  )
  await fake.connect()
  await push()
  await draw()
  expect(container.textContent).toBe('1')
  await push()
  await push()
  await draw()
  expect(container.textContent).toBe('1')
  fake.clock.advance(499)
  await draw()
  expect(container.textContent).toBe('1')
  fake.clock.advance(1)
  await draw()
  expect(container.textContent).toBe('3')
  fake.clock.advance(500)
  throttleMs.value = 0
  await nextTick()
  for (const text of ['4', '5']) {
    await push()
    await draw()
    expect(container.textContent).toBe(text)
  }
})

it('is throttled by the plugin too', async () => {
  const { fake, push, draw } = setUp()
  const root = document.createElement('div')
  const app = createApp(Count).use(rivulet(fake.service, { throttleMs: 500 }))
  app.mount(root)
  await fake.connect()
  for (const [ms, text] of [
    [0, '1'],
    [499, '1'],
    [1, '3'],
  ] as const) {
    await push()
    fake.clock.advance(ms)
    await draw()
    expect(root.textContent).toBe(text)
  }
  app.unmount()
})

it('leaves no timer behind', async () => {
  const { fake, frames, push, draw } = setUp()
  const { unmount } = render(() => h(SSEProvider, { service: fake.service, throttleMs: 500 }, () => h(Count)))
  await fake.connect()
  await push()
  await draw()
  const before = fake.clock.timers
  await push()
  expect(fake.clock.timers).toBe(before + 1)
  unmount()
  await nextTick()
  expect([fake.clock.timers, frames.due.size]).toEqual([0, 0])
})
