import { act, render } from '@testing-library/react'
import { Profiler } from 'react'
import { expect, it, onTestFinished, vi } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, opened } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'

function Rate() {
  const count = useEventReducer(events.log, (total) => total + 1, 0)
  const { events: lines } = useServerEvents(events.log)
  return (
    <output>
      {count} {lines.length}
    </output>
  )
}

function renderRates() {
  const fake = createFake()
  let commits = 0
  const view = render(
    <SSEProvider service={fake.service}>
      <Profiler id="all" onRender={() => commits++}>
        <Rate />
        <Rate />
      </Profiler>
    </SSEProvider>,
  )
  const texts = () => [...view.container.querySelectorAll('output')].map(({ textContent }) => textContent)
  return { fake, ...view, texts, commits: () => commits, reset: () => (commits = 0) }
}

it('commits once per frame for all hooks together, no matter how many tasks bring events', async () => {
  const frames = stubFrames()
  const { fake, texts, commits, reset } = renderRates()
  await opened(fake)
  reset()
  for (let n = 0; n < 5; n++) await act(() => fake.push('log', { message: 'x' }))
  expect(commits()).toBe(0)
  expect(frames.due.size).toBe(1)
  await act(async () => frames.draw())
  expect(texts()).toEqual(['5 5', '5 5'])
  expect(commits()).toBe(1)
  await act(async () => frames.draw())
  expect(commits()).toBe(1)
})

it('shows events in the next line of a test that flushes', async () => {
  const frames = stubFrames()
  const { fake, texts } = renderRates()
  await opened(fake)
  await act(() => fake.push('log', { message: 'x' }))
  expect(texts()).toEqual(['0 0', '0 0'])
  act(() => fake.flush())
  expect(texts()).toEqual(['1 1', '1 1'])
  expect(frames.due.size).toBe(0)
})

it('falls back to a timer if no frames are drawn', async () => {
  stubFrames()
  const { fake, texts } = renderRates()
  await opened(fake)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await act(() => fake.push('log', { message: 'x' }))
  act(() => void vi.advanceTimersByTime(999))
  expect(texts()).toEqual(['0 0', '0 0'])
  act(() => void vi.advanceTimersByTime(1))
  expect(texts()).toEqual(['1 1', '1 1'])
})

it('leaves no frame or timer behind', async () => {
  const frames = stubFrames()
  const { fake, unmount } = renderRates()
  await opened(fake)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await act(() => fake.push('log', { message: 'x' }))
  expect([frames.due.size, vi.getTimerCount()]).toEqual([1, 1])
  unmount()
  expect([frames.due.size, vi.getTimerCount()]).toEqual([0, 0])
})
