import { act, render } from '@testing-library/react'
import { expect, it } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, opened } from '../test/harness.js'
import { SSEProvider, useEventReducer } from './index.js'

function Count() {
  return <output>{useEventReducer(events.log, (total) => total + 1, 0)}</output>
}

it('shows all events, at most once per throttleMs', async () => {
  const frames = stubFrames()
  const fake = createFake()
  const page = (throttleMs: number) => (
    <SSEProvider service={fake.service} throttleMs={throttleMs}>
      <Count />
    </SSEProvider>
  )
  const { container, rerender } = render(page(500))
  await opened(fake)
  const push = () => act(() => fake.push('log', { message: 'x' }))
  const draw = () => act(async () => frames.draw())
  await push()
  await draw()
  expect(container.textContent).toBe('1')
  await push()
  await push()
  await draw()
  expect(container.textContent).toBe('1')
  await act(async () => fake.clock.advance(499))
  await draw()
  expect(container.textContent).toBe('1')
  await act(async () => fake.clock.advance(1))
  await draw()
  expect(container.textContent).toBe('3')
  await act(async () => fake.clock.advance(500))
  rerender(page(0))
  await push()
  await draw()
  await push()
  await draw()
  expect(container.textContent).toBe('5')
})

it('leaves no timer behind', async () => {
  const frames = stubFrames()
  const fake = createFake({ heartbeatMs: 0 })
  const { unmount } = render(
    <SSEProvider service={fake.service} throttleMs={500}>
      <Count />
    </SSEProvider>,
  )
  await opened(fake)
  const before = fake.clock.timers
  for (let n = 0; n < 2; n++) {
    await act(() => fake.push('log', { message: 'x' }))
    await act(async () => frames.draw())
  }
  expect(fake.clock.timers).toBe(before + 1)
  unmount()
  await act(async () => {})
  expect([fake.clock.timers, frames.due.size]).toEqual([0, 0])
})
