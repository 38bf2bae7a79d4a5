import type { EventOf } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { act, render, renderHook, screen } from '@testing-library/react'
import * as React from 'react'
import { Profiler, StrictMode, startTransition } from 'react'
import { renderToString } from 'react-dom/server'
import { describe, expect, it, vi } from 'vitest'
import { type Events, events, frame } from '../test/harness.js'
import { useRun } from './index.js'

const { Activity } = React

const url = 'http://fake.test/answers/42'

function createRun(options: FakeStreamOptions<Events> = {}) {
  const fake = new FakeStream(events, { run: true, ...options })
  const { fetch, clock } = fake
  return { fake, options: { events, fetch, clock } }
}

async function pushLines(fake: FakeStream<Events>, ...messages: string[]): Promise<void> {
  await act(async () => {
    await Promise.all(messages.map((message) => fake.push('log', { message })))
  })
  await frame()
}

/** Waits for requests to be answered, and for the frame that shows the result. */
async function shown(fake: FakeStream<Events>, connections = 1): Promise<void> {
  await act(() => vi.waitFor(() => expect(fake.connections).toBe(connections)))
  await act(() => fake.message({ comment: 'ready' }))
  await frame()
}

const join = {
  reduce: (text: string, event: EventOf<Events>) => text + (event.type === 'log' ? event.message : ''),
  initial: '',
}

type Options = ReturnType<typeof createRun>['options']

function Lines({ options }: { options: Options }) {
  const { output } = useRun(url, options)
  return output.map((event) => <p key={event.id}>{event.type === 'log' && event.message}</p>)
}

function Answer({ options, seen }: { options: Options; seen?: string[] }) {
  const { output, state } = useRun('http://fake.test/answers/42', { ...options, ...join })
  seen?.push(state)
  return <b>{output || state}</b>
}

function Slow({ onRender, children }: { onRender: () => void; children: string }) {
  onRender()
  return <i>{children}</i>
}

describe('useRun', () => {
  it('shows all of a run that began before, then what follows, then its end', async () => {
    const { fake, options } = createRun()
    await fake.push('log', { message: 'a' })
    const { result } = renderHook(() => useRun(url, { ...options, ...join }))
    expect(result.current).toMatchObject({ output: '', state: 'connecting', reason: undefined, error: undefined })
    await shown(fake)
    expect(result.current).toMatchObject({ output: 'a', state: 'running', status: 'open' })
    await pushLines(fake, 'b', 'c')
    expect(result.current.output).toBe('abc')
    const pushed = fake.push('log', { message: 'd' })
    await act(() => Promise.all([pushed, fake.finish('failed', 'producer lost')]))
    await frame()
    expect(result.current).toMatchObject({ output: 'abcd', state: 'failed', reason: 'producer lost', error: undefined })
    expect(fake.requests).toHaveLength(1)
  })

  it('gives the events without a reducer, and shows 100 of one task in one commit', async () => {
    const { fake, options } = createRun()
    let commits = 0
    render(
      <Profiler id="lines" onRender={() => commits++}>
        <Lines options={options} />
      </Profiler>,
    )
    await shown(fake)
    commits = 0
    const hundred = Array.from({ length: 100 }, (_, n) => `line ${n}`)
    await pushLines(fake, ...hundred)
    expect(commits).toBe(1)
    expect(screen.getAllByText(/line/).map(({ textContent }) => textContent)).toEqual(hundred)
  })

  it('keeps to the limit', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, { ...options, limit: 2 }))
    await shown(fake)
    await pushLines(fake, 'a', 'b', 'c')
    expect(result.current.output).toMatchObject([{ message: 'b' }, { message: 'c' }])
  })

  it('never shows an end before the last output', async () => {
    const { fake, options } = createRun()
    const seen: string[] = []
    renderHook(() => {
      const { output, state } = useRun(url, { ...options, ...join })
      seen.push(`${state} ${output}`)
    })
    await shown(fake)
    await act(() => Promise.all([fake.push('log', { message: 'last' }), fake.finish()]))
    await frame()
    expect(seen.filter((view) => view.startsWith('done'))).toEqual(['done last'])
  })

  it('reads on after a break, and is running meanwhile', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, { ...options, ...join }))
    await shown(fake)
    await pushLines(fake, 'a')
    await act(() => fake.drop())
    await act(() => vi.waitFor(() => expect(options.clock.pending.length).toBeGreaterThan(0)))
    await frame()
    expect(result.current).toMatchObject({ state: 'running', status: 'waiting', output: 'a' })
    await fake.push('log', { message: 'b' })
    options.clock.advance(10_000)
    await shown(fake)
    expect(result.current).toMatchObject({ state: 'running', status: 'open', output: 'ab', error: undefined })
  })

  it('stops a run', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, { ...options, headers: { authorization: 'ada' } }))
    await shown(fake)
    await act(() => result.current.stop())
    await frame()
    expect(result.current).toMatchObject({ state: 'stopped', reason: 'stopped' })
    expect(fake.requests.at(-1)).toMatchObject({ method: 'DELETE', url })
    expect(fake.requests.at(-1)!.headers.get('authorization')).toBe('ada')
    await act(() => result.current.stop())
    expect(fake.requests).toHaveLength(2)
  })

  it('says why a run cannot be stopped', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, options))
    await shown(fake)
    fake.answer(403)
    await expect(result.current.stop()).rejects.toMatchObject({ code: 'RIVULET_HTTP_STATUS', status: 403 })
    fake.answer(() => Promise.reject(new TypeError('offline')))
    await expect(result.current.stop()).rejects.toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  it('refreshes the credential of a stop once', async () => {
    const { fake, options } = createRun()
    const onUnauthorized = vi.fn(() => fake.answer())
    const { result } = renderHook(() => useRun(url, { ...options, onUnauthorized }))
    await shown(fake)
    fake.answer(401)
    await act(() => result.current.stop())
    expect(onUnauthorized).toHaveBeenCalledOnce()
    expect(fake.requests.map(({ method }) => method)).toEqual(['GET', 'DELETE', 'DELETE'])
  })

  it('starts a run by POST once, and waits for its address to stop it', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, { ...options, ...join, body: 'prompt' }), {
      wrapper: StrictMode,
    })
    const stopped = result.current.stop()
    await act(() => stopped)
    await frame()
    expect(result.current).toMatchObject({ state: 'stopped', location: url })
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
  })

  it('tells of a run that cannot be read', async () => {
    const { fake, options } = createRun()
    const log = vi.spyOn(console, 'error')
    fake.answer(404)
    const { result } = renderHook(() => useRun(url, options))
    await act(() => vi.waitFor(() => expect(fake.requests).toHaveLength(1)))
    await frame()
    expect(result.current).toMatchObject({ state: 'failed', reason: undefined, error: { status: 404 }, output: [] })
    expect(log).not.toHaveBeenCalled()
  })

  it('tells where the beginning is no longer kept', async () => {
    const { fake, options } = createRun()
    await fake.push('log', { message: 'a' })
    fake.forget()
    await fake.push('log', { message: 'b' })
    const { result } = renderHook(() => useRun(url, { ...options, ...join }))
    await shown(fake)
    expect(result.current).toMatchObject({ output: 'b', gap: { reason: 'trimmed' } })
  })

  it('begins anew if the run was started again', async () => {
    const { fake, options } = createRun()
    const { result } = renderHook(() => useRun(url, { ...options, ...join }))
    await shown(fake)
    await pushLines(fake, 'old')
    await act(() => fake.gap('restarted'))
    await pushLines(fake, 'new')
    expect(result.current).toMatchObject({ output: 'new', gap: undefined })
  })

  it('follows an address that changes, and reads nothing without one', async () => {
    const { fake, options } = createRun()
    const { fake: other, options: otherOptions } = createRun()
    const fetches = { a: fake.fetch, b: other.fetch }
    const fetchOf: typeof fetch = (input, init) => (String(input).endsWith('a') ? fetches.a : fetches.b)(input, init)
    const seen: string[] = []
    const { result, rerender } = renderHook(
      ({ id }: { id: 'a' | 'b' | undefined }) => {
        const run = useRun(id && `http://fake.test/${id}`, { ...options, ...join, fetch: fetchOf })
        seen.push(`${id} ${run.output}`)
        return run
      },
      { initialProps: { id: undefined as 'a' | 'b' | undefined } },
    )
    await frame()
    expect(result.current).toMatchObject({ state: 'idle', status: 'idle', output: '' })
    await result.current.stop()
    expect(fake.requests).toEqual([])
    rerender({ id: 'a' })
    expect(result.current.state).toBe('connecting')
    await shown(fake)
    await pushLines(fake, 'of a')
    rerender({ id: 'b' })
    await shown(other)
    await pushLines(other, 'of b')
    expect(result.current).toMatchObject({ output: 'of b', state: 'running' })
    expect(fake.connections).toBe(0)
    rerender({ id: undefined })
    await act(() => vi.waitFor(() => expect(other.connections).toBe(0)))
    expect(result.current).toMatchObject({ output: '', state: 'idle' })
    // Never one run's output under the address of another.
    expect(seen.filter((view) => view === 'b of a' || view === 'a of b')).toEqual([])
    expect(otherOptions.clock).toBe(other.clock)
  })

  it('makes one request in StrictMode, and survives unmounting after the end', async () => {
    const { fake, options } = createRun()
    const { result, unmount } = renderHook(() => useRun(url, { ...options, ...join }), { wrapper: StrictMode })
    await shown(fake)
    await pushLines(fake, 'a')
    expect(result.current.output).toBe('a')
    expect(fake.requests).toHaveLength(1)
    await act(() => fake.finish())
    await frame()
    unmount()
    expect(result.current).toMatchObject({ output: 'a', state: 'done' })
  })

  it('skips an event whose reducer throws', async () => {
    const { fake, options } = createRun()
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const reduce = (text: string, event: EventOf<Events>) => {
      if (event.type === 'log' && event.message === 'bad') throw new Error('bad event')
      return join.reduce(text, event)
    }
    const { result } = renderHook(() => useRun(url, { ...options, reduce, initial: '' }))
    await shown(fake)
    await pushLines(fake, 'a', 'bad', 'b')
    expect(result.current.output).toBe('ab')
    expect(log).toHaveBeenCalledOnce()
    log.mockRestore()
  })

  it('calls the latest reducer', async () => {
    const { fake, options } = createRun()
    const { result, rerender } = renderHook(
      ({ mark }) =>
        useRun(url, {
          ...options,
          reduce: (text: string, event) => text + mark + (event.type === 'log' ? event.message : ''),
          initial: '',
        }),
      { initialProps: { mark: '-' } },
    )
    await shown(fake)
    await pushLines(fake, 'a')
    rerender({ mark: '+' })
    await pushLines(fake, 'b')
    expect(result.current.output).toBe('-a+b')
  })

  it('renders on a server without a request', () => {
    const { fake, options } = createRun()
    expect(renderToString(<Answer options={options} />)).toBe('<b>connecting</b>')
    expect(fake.requests).toEqual([])
  })

  it('does not starve a transition while output streams', async () => {
    const { fake, options } = createRun()
    let renders = 0
    const page = (value: string) => (
      <>
        <Answer options={options} />
        <Slow onRender={() => renders++}>{value}</Slow>
      </>
    )
    const { rerender } = render(page('old'))
    await shown(fake)
    renders = 0
    await act(async () => {
      startTransition(() => rerender(page('new')))
      await fake.push('log', { message: 'a' })
    })
    await frame()
    expect(screen.getByText('new').tagName).toBe('I')
    expect(screen.getByText('a').tagName).toBe('B')
    expect(renders).toBeLessThan(4)
  })

  it.skipIf(!Activity)('loses nothing while <Activity> hides it', async () => {
    const { fake, options } = createRun()
    const seen: string[] = []
    const page = (mode: 'visible' | 'hidden') => (
      <Activity mode={mode}>
        <Answer options={options} seen={seen} />
      </Activity>
    )
    const { rerender } = render(page('visible'))
    await shown(fake)
    await pushLines(fake, 'a')
    rerender(page('hidden'))
    await act(() => vi.waitFor(() => expect(fake.connections).toBe(0)))
    await fake.push('log', { message: 'b' })
    rerender(page('visible'))
    await shown(fake)
    expect(screen.getByText('ab')).toBeTruthy()
    expect(seen).not.toContain('done')
  })
})
