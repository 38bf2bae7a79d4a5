import { render } from '@testing-library/vue'
import { expect, it, onTestFinished, vi } from 'vitest'
import { defineComponent, h, nextTick, onUpdated } from 'vue'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'

async function renderRates() {
  const fake = createFake()
  let updates = 0
  const Rate = defineComponent(() => {
    const count = useEventReducer(events.log, (total) => total + 1, 0)
    const { events: lines } = useServerEvents(events.log)
    onUpdated(() => void updates++)
    return () => h('output', `${count.value} ${lines.value.length}`)
  })
  const { container, unmount } = render(() => h(SSEProvider, { service: fake.service }, () => [h(Rate), h(Rate)]))
  await fake.connect()
  await nextTick()
  updates = 0
  const texts = () => [...container.querySelectorAll('output')].map(({ textContent }) => textContent)
  return { fake, texts, unmount, updates: () => updates }
}

it('updates each component once per frame, no matter how many tasks bring events', async () => {
  const frames = stubFrames()
  const { fake, texts, updates } = await renderRates()
  for (let n = 0; n < 5; n++) {
    await fake.push('log', { message: 'x' })
    await nextTick()
  }
  expect(updates()).toBe(0)
  expect(frames.due.size).toBe(1)
  frames.draw()
  await nextTick()
  expect(texts()).toEqual(['5 5', '5 5'])
  expect(updates()).toBe(2)
  frames.draw()
  await nextTick()
  expect(updates()).toBe(2)
})

it('shows events in the next line of a test that flushes', async () => {
  const frames = stubFrames()
  const { fake, texts } = await renderRates()
  await fake.push('log', { message: 'x' })
  fake.flush()
  await nextTick()
  expect(texts()).toEqual(['1 1', '1 1'])
  expect(frames.due.size).toBe(0)
})

it('falls back to a timer if no frames are drawn', async () => {
  stubFrames()
  const { fake, texts } = await renderRates()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await fake.push('log', { message: 'x' })
  vi.advanceTimersByTime(999)
  await nextTick()
  expect(texts()).toEqual(['0 0', '0 0'])
  vi.advanceTimersByTime(1)
  await nextTick()
  expect(texts()).toEqual(['1 1', '1 1'])
})

it('leaves no frame or timer behind', async () => {
  const frames = stubFrames()
  const { fake, unmount } = await renderRates()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await fake.push('log', { message: 'x' })
  expect([frames.due.size, vi.getTimerCount()]).toEqual([1, 1])
  unmount()
  expect([frames.due.size, vi.getTimerCount()]).toEqual([0, 0])
})
