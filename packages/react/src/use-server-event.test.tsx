import { act, renderHook } from '@testing-library/react'
import type { ReactNode } from 'react'
import { expect, it } from 'vitest'
import { createFake, events, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useServerEvent } from './index.js'

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`)

function renderHandler() {
  const fake = createFake()
  const received: string[] = []
  let renders = 0
  const view = renderHook(
    ({ prefix }) => {
      renders++
      useServerEvent(events.log, ({ message }) => received.push(prefix + message))
    },
    {
      initialProps: { prefix: '' },
      wrapper: ({ children }: { children: ReactNode }) => <SSEProvider service={fake.service}>{children}</SSEProvider>,
    },
  )
  return { fake, received, ...view, renders: () => renders }
}

it('calls the handler for each of 100 events of one task, without a render', async () => {
  const { fake, received, renders } = renderHandler()
  await opened(fake)
  await pushLines(fake, ...hundred)
  expect(received).toEqual(hundred)
  expect(renders()).toBe(1)
})

it('calls the handler of the latest render, and none after unmounting', async () => {
  const { fake, received, rerender, unmount } = renderHandler()
  await opened(fake)
  rerender({ prefix: 'new ' })
  await pushLines(fake, 'a')
  expect(received).toEqual(['new a'])
  fake.service.connect()
  unmount()
  await act(() => fake.push('log', { message: 'b' }))
  expect(received).toEqual(['new a'])
})

it('reports the handler’s error to the stream, and continues', async () => {
  const fake = createFake()
  const errors: unknown[] = []
  fake.service.onError((error) => errors.push(error))
  const received: string[] = []
  renderHook(
    () =>
      useServerEvent(events.log, ({ message }) => {
        received.push(message)
        throw new Error(message)
      }),
    { wrapper: ({ children }) => <SSEProvider service={fake.service}>{children}</SSEProvider> },
  )
  await opened(fake)
  await pushLines(fake, 'a', 'b')
  expect(received).toEqual(['a', 'b'])
  expect(errors).toMatchObject([{ message: 'a' }, { message: 'b' }])
})

it('skips the history if only live events are wanted', async () => {
  const fake = createFake()
  const received: string[] = []
  renderHook(() => useServerEvent(events.log, ({ message }) => received.push(message), { live: true }), {
    wrapper: ({ children }: { children: ReactNode }) => <SSEProvider service={fake.service}>{children}</SSEProvider>,
  })
  await opened(fake)
  await pushLines(fake, 'a')
  await act(() => fake.drop())
  await fake.push('log', { message: 'missed' })
  await act(() => fake.retry())
  await pushLines(fake, 'b')
  expect(received).toEqual(['a', 'b'])
})
