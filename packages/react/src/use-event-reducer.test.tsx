import { act, render, renderHook } from '@testing-library/react'
import { type ReactNode, StrictMode } from 'react'
import { expect, it } from 'vitest'
import { createFake, events, frame, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useEventReducer } from './index.js'

function setup() {
  const fake = createFake()
  const wrapper = ({ children }: { children: ReactNode }) => (
    <SSEProvider service={fake.service}>{children}</SSEProvider>
  )
  return { fake, wrapper }
}

it('reduces every event of a burst, and renders once', async () => {
  const { fake, wrapper } = setup()
  const seen: number[] = []
  const { result } = renderHook(
    () => {
      const count = useEventReducer(events.log, (total) => total + 1, 0)
      seen.push(count)
      return count
    },
    { wrapper },
  )
  await opened(fake)
  await pushLines(fake, ...Array.from({ length: 100 }, () => 'x'))
  expect(result.current).toBe(100)
  expect(seen).toEqual([0, 100])
})

it('uses the reducer of the latest render, and several types', async () => {
  const { fake, wrapper } = setup()
  const { result, rerender } = renderHook(
    ({ step }) =>
      useEventReducer([events.log, events.progress], (total, { type }) => total + (type === 'log' ? step : 100), 0),
    { wrapper, initialProps: { step: 1 } },
  )
  await opened(fake)
  await pushLines(fake, 'a')
  rerender({ step: 10 })
  await pushLines(fake, 'b')
  await act(() => fake.push('progress', { percent: 1 }))
  await frame()
  expect(result.current).toBe(111)
})

it('starts over if the type changes', async () => {
  const { fake, wrapper } = setup()
  const { result, rerender } = renderHook(({ name }) => useEventReducer(events[name], (total) => total + 1, 0), {
    wrapper,
    initialProps: { name: 'log' as 'log' | 'progress' },
  })
  await opened(fake)
  await pushLines(fake, 'a')
  expect(result.current).toBe(1)
  rerender({ name: 'progress' })
  expect(result.current).toBe(0)
  await pushLines(fake, 'b')
  expect(result.current).toBe(0)
})

/** A text that an event cannot be added to whose message is `bad`. */
function Text() {
  const text = useEventReducer(
    events.log,
    (before, { message }) => {
      if (message === 'bad') throw new Error(`at ${before}`)
      return before + message
    },
    '',
    { replay: true },
  )
  return <output>{text}</output>
}

it.each(['new', 'replayed'])(
  'skips an event that makes the reducer throw and is %s, and tells the stream once',
  async (how) => {
    const fake = createFake()
    const errors: unknown[] = []
    fake.service.onError((error) => errors.push(error))
    const page = (shown: boolean) => (
      <StrictMode>
        <SSEProvider service={fake.service}>{shown && <Text />}</SSEProvider>
      </StrictMode>
    )
    const { container, rerender } = render(page(how === 'new'))
    await opened(fake)
    await pushLines(fake, 'a', 'bad', 'b')
    rerender(page(true))
    expect(container.textContent).toBe('ab')
    expect(errors).toMatchObject([{ message: 'at a' }])
  },
)
