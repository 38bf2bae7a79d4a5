import { act, renderHook } from '@testing-library/react'
import { expect, it } from 'vitest'
import { createFake, opened } from '../test/harness.js'
import { MissingStreamError, SSEProvider, useConnectionStatus, useEventStream } from './index.js'

it('follows the state, and reconnects on request', async () => {
  const fake = createFake()
  const { result, rerender } = renderHook(() => useConnectionStatus(), {
    wrapper: ({ children }) => <SSEProvider service={fake.service}>{children}</SSEProvider>,
  })
  expect(result.current.status).toBe('connecting')
  await opened(fake)
  expect(result.current).toMatchObject({ status: 'open', attempt: 0, recovered: null })
  const before = result.current
  rerender()
  expect(result.current).toBe(before)
  await act(() => fake.drop())
  expect(result.current).toMatchObject({ status: 'waiting', attempt: 1, retryAt: fake.service.state.retryAt })
  act(() => result.current.reconnect())
  expect(result.current.status).toBe('connecting')
  await opened(fake)
  expect(result.current.status).toBe('open')
  expect(fake.requests).toHaveLength(2)
})

it('returns the stream itself', () => {
  const fake = createFake()
  const { result } = renderHook(() => useEventStream(), {
    wrapper: ({ children }) => <SSEProvider service={fake.service}>{children}</SSEProvider>,
  })
  expect(result.current).toBe(fake.service)
})

it('refuses to work without a provider', () => {
  expect(() => renderHook(() => useEventStream())).toThrow(MissingStreamError)
})
