import { act, render, renderHook, screen } from '@testing-library/react'
import type { ReactNode } from 'react'
import { Profiler } from 'react'
import { describe, expect, it } from 'vitest'
import { createFake, events, frame, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useServerEvents } from './index.js'

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`)

function withFake(fake = createFake()) {
  return {
    fake,
    wrapper: ({ children }: { children: ReactNode }) => <SSEProvider service={fake.service}>{children}</SSEProvider>,
  }
}

function List() {
  return (
    <ul>
      {useServerEvents(events.log).events.map(({ id, message }) => (
        <li key={id}>{message}</li>
      ))}
    </ul>
  )
}

describe('useServerEvents', () => {
  it('returns the events of a type in order, the latest one and the status', async () => {
    const { fake, wrapper } = withFake()
    const { result } = renderHook(() => useServerEvents(events.log), { wrapper })
    expect(result.current).toMatchObject({ events: [], latest: undefined })
    await opened(fake)
    expect(result.current.status).toBe('open')
    await pushLines(fake, 'a', 'b')
    await act(() => fake.push(events.progress, { percent: 1 }))
    await frame()
    expect(result.current.events.map(({ message }) => message)).toEqual(['a', 'b'])
    expect(result.current.latest).toMatchObject({ type: 'log', message: 'b', id: '2' })
  })

  it('shows all of 100 events of one task in one commit', async () => {
    const { fake } = withFake()
    let commits = 0
    render(
      <SSEProvider service={fake.service}>
        <Profiler id="list" onRender={() => commits++}>
          <List />
        </Profiler>
      </SSEProvider>,
    )
    await opened(fake)
    commits = 0
    await pushLines(fake, ...hundred)
    expect(screen.getAllByRole('listitem').map(({ textContent }) => textContent)).toEqual(hundred)
    expect(commits).toBe(1)
  })

  it('returns several types as one list, in order of arrival', async () => {
    const { fake, wrapper } = withFake()
    const { result } = renderHook(() => useServerEvents([events.log, events.progress]), { wrapper })
    await opened(fake)
    await act(async () => {
      await fake.push('log', { message: 'a' })
      await fake.push('progress', { percent: 1 })
      await fake.push('log', { message: 'b' })
    })
    await frame()
    expect(result.current.events.map(({ type }) => type)).toEqual(['log', 'progress', 'log'])
  })

  it('keeps the latest up to the limit, and follows a limit that changes', async () => {
    const { fake, wrapper } = withFake()
    const { result, rerender } = renderHook(({ limit }) => useServerEvents(events.log, { limit }), {
      wrapper,
      initialProps: { limit: 3 },
    })
    await opened(fake)
    await pushLines(fake, ...hundred)
    expect(result.current.events.map(({ message }) => message)).toEqual(['line 97', 'line 98', 'line 99'])
    rerender({ limit: 1 })
    expect(result.current.events.map(({ message }) => message)).toEqual(['line 99'])
    rerender({ limit: 2 })
    await pushLines(fake, 'more')
    expect(result.current.events.map(({ message }) => message)).toEqual(['line 99', 'more'])
  })
})
