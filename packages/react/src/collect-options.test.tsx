import { act, render, screen } from '@testing-library/react'
import { type ReactNode, StrictMode, Suspense, startTransition } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, opened, pushLines } from '../test/harness.js'
import { type CollectOptions, SSEProvider, useEventReducer, useServerEvent, useServerEvents } from './index.js'

const count = (total: number) => total + 1

function Lines(options: CollectOptions) {
  return <output>{useServerEvents(events.log, options).events.map(({ message }) => message)}</output>
}

/** Calls hooks, and shows what they return. */
function Show({ show }: { show: () => unknown }) {
  return <output>{show() as ReactNode}</output>
}

function setUp() {
  const fake = createFake()
  const frames = stubFrames()
  return {
    fake,
    ...frames,
    push: (...messages: string[]) =>
      act(async () => {
        await Promise.all(messages.map((message) => fake.push('log', { message })))
      }),
    draw: () => act(async () => frames.draw()),
  }
}

describe('enabled', () => {
  it.each([false, true])('keeps what there is while false, and then goes on (replay: %s)', async (replay) => {
    const { fake, push, draw } = setUp()
    const page = (enabled: boolean) => (
      <StrictMode>
        <SSEProvider service={fake.service}>
          <Lines enabled={enabled} replay={replay} />
        </SSEProvider>
      </StrictMode>
    )
    const { container, rerender } = render(page(true))
    await opened(fake)
    await push('a')
    await draw()
    rerender(page(false))
    await push('b')
    await draw()
    expect(container.textContent).toBe('a')
    rerender(page(true))
    await push('c')
    await draw()
    expect(container.textContent).toBe(replay ? 'abc' : 'ac')
  })

  it('shows what came before it became false', async () => {
    const { fake, push, draw, due } = setUp()
    const page = (enabled: boolean) => (
      <SSEProvider service={fake.service}>
        <Lines enabled={enabled} />
      </SSEProvider>
    )
    const { container, rerender, unmount } = render(page(true))
    await opened(fake)
    await push('a')
    rerender(page(false))
    await draw()
    expect(container.textContent).toBe('a')
    unmount()
    expect(due.size).toBe(0)
  })

  it('calls the handler of useServerEvent only while true', async () => {
    const { fake, push } = setUp()
    const seen: string[] = []
    const page = (enabled: boolean) => (
      <SSEProvider service={fake.service}>
        <Show show={() => useServerEvent(events.log, ({ message }) => seen.push(message), { enabled })} />
      </SSEProvider>
    )
    const { rerender } = render(page(false))
    await opened(fake)
    await push('a')
    rerender(page(true))
    await push('b')
    rerender(page(false))
    await push('c')
    expect(seen).toEqual(['b'])
  })
})

describe('select', () => {
  it('renders only when the selection changes, also if the status does', async () => {
    const { fake, push, draw } = setUp()
    let renders = 0
    const show = () => {
      renders++
      return useServerEvents(events.log, { select: ({ latest }) => latest?.message })
    }
    render(
      <SSEProvider service={fake.service}>
        <Show show={show} />
      </SSEProvider>,
    )
    await opened(fake)
    await push('a')
    await draw()
    expect(renders).toBe(2)
    await push('x', 'a')
    await draw()
    await act(() => fake.drop())
    await act(() => fake.retry())
    expect(renders).toBe(2)
    await push('b')
    await draw()
    expect([screen.getByRole('status').textContent, renders]).toEqual(['b', 3])
  })

  it('may be the status', async () => {
    const { fake } = setUp()
    const show = () => (useServerEvents(events.log, { select: ({ status }) => status === 'open' }) ? 'yes' : 'no')
    const { container } = render(
      <SSEProvider service={fake.service}>
        <Show show={show} />
      </SSEProvider>,
    )
    expect(container.textContent).toBe('no')
    await opened(fake)
    expect(container.textContent).toBe('yes')
    await act(() => fake.drop())
    expect(container.textContent).toBe('no')
  })

  it('keeps an equal selection, and selects anew from everything that has come when it changes', async () => {
    const { fake, push, draw } = setUp()
    const seen = new Set<readonly string[]>()
    let renders = 0
    const show = (letter: string) => {
      renders++
      const matching = useEventReducer(events.log, (all, { message }) => [...all, message], [] as readonly string[], {
        select: (all) => all.filter((message) => message.includes(letter)),
        equal: (a, b) => a.join() === b.join(),
      })
      seen.add(matching)
      return matching.join(' ')
    }
    const page = (letter: string) => (
      <SSEProvider service={fake.service}>
        <Show show={() => show(letter)} />
      </SSEProvider>
    )
    const { container, rerender } = render(page('a'))
    await opened(fake)
    await push('a1', 'b1')
    await draw()
    await push('b2')
    await draw()
    expect([container.textContent, renders, seen.size]).toEqual(['a1', 2, 2])
    rerender(page('a'))
    expect(seen.size).toBe(2)
    rerender(page('b'))
    expect(container.textContent).toBe('b1 b2')
    await push('b3')
    await draw()
    expect(container.textContent).toBe('b1 b2 b3')
  })

  it('shows the same as other components in every paint of a transition', async () => {
    const fake = createFake()
    const container = document.createElement('div')
    const root = createRoot(container)
    const names = Array.from({ length: 8 }, (_, index) => `${index}`)
    const paints: string[] = []
    const observer = new MutationObserver(() => void paints.push(container.textContent!))
    observer.observe(container, { subtree: true, childList: true, characterData: true })
    const show = (factor: number) => {
      const end = performance.now() + 6
      while (performance.now() < end);
      const total = useEventReducer(events.log, count, 0, { select: (all) => all * factor })
      return `${total / factor} `
    }
    const page = (factor: number) => (
      <SSEProvider service={fake.service}>
        {names.map((name) => (
          <Show key={name} show={() => show(factor)} />
        ))}
      </SSEProvider>
    )
    act(() => root.render(page(1)))
    onTestFinished(() => {
      observer.disconnect()
      act(() => root.unmount())
    })
    await opened(fake)
    await pushLines(fake, 'a')
    const { draw } = stubFrames()
    vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
    startTransition(() => root.render(page(2)))
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setTimeout(resolve))
      await fake.push('log', { message: 'x' })
      draw()
    }
    await vi.waitFor(() => expect(paints.at(-1)).toBe('4 '.repeat(8)))
    expect(paints.filter((text) => new Set(text.trim().split(' ')).size > 1)).toEqual([])
  })

  it('that throws while events come makes the render throw', async () => {
    const { fake, push, draw } = setUp()
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => log.mockRestore())
    const select = ({ latest }: { latest: unknown }) => {
      if (latest) throw new Error('broken selection')
    }
    render(
      <SSEProvider service={fake.service}>
        <Show show={() => useServerEvents(events.log, { select })} />
      </SSEProvider>,
    )
    await opened(fake)
    await push('a')
    await expect(draw()).rejects.toThrow('broken selection')
  })

  it('hydrates without a mismatch', async () => {
    const fake = createFake()
    const show = () =>
      useServerEvents(events.log, {
        replay: true,
        select: (view) => `${view.events.length} ${view.status}`,
      })
    const page = (
      <SSEProvider service={fake.service}>
        <Suspense>
          <Show show={show} />
        </Suspense>
      </SSEProvider>
    )
    const container = document.createElement('div')
    document.body.append(container)
    vi.stubGlobal('document', undefined)
    const html = renderToString(page)
    vi.unstubAllGlobals()
    container.innerHTML = html
    await opened(fake)
    const onRecoverableError = vi.fn()
    const root = await act(() => hydrateRoot(container, page, { onRecoverableError }))
    onTestFinished(() => {
      act(() => root.unmount())
      container.remove()
    })
    expect(container.textContent).toBe('0 open')
    await pushLines(fake, 'a')
    expect(container.textContent).toBe('1 open')
    expect(onRecoverableError).not.toHaveBeenCalled()
  })
})

describe('throttleMs', () => {
  it('renders at most once per that time, and always the last value', async () => {
    const { fake, push, draw, due } = setUp()
    const { container, unmount } = render(
      <SSEProvider service={fake.service}>
        <Lines />
        <Lines throttleMs={500} />
      </SSEProvider>,
    )
    await opened(fake)
    for (const message of ['a', 'b', 'c']) {
      await push(message)
      await draw()
    }
    expect(container.textContent).toBe('abca')
    await act(async () => fake.clock.advance(500))
    await draw()
    expect(container.textContent).toBe('abcabc')
    await push('d')
    await draw()
    unmount()
    await act(async () => {})
    expect([fake.clock.timers, due.size]).toEqual([0, 0])
  })
})

describe('channel', () => {
  it('selects the events of one channel, and starts over when it changes', async () => {
    const { fake, draw } = setUp()
    const page = (channel: string) => (
      <SSEProvider service={fake.service}>
        <Lines channel={channel} replay />
      </SSEProvider>
    )
    const { container, rerender } = render(page('job:1'))
    await opened(fake)
    await act(async () => {
      await fake.push('log', { message: 'one' }, { channel: 'job:1' })
      await fake.push('log', { message: 'two' }, { channel: 'job:2' })
    })
    await draw()
    expect(container.textContent).toBe('one')
    rerender(page('job:2'))
    expect(container.textContent).toBe('two')
  })
})

describe('components that ask for the same', () => {
  it('share one fold, also those that mount later with replay', async () => {
    const { fake, push, draw } = setUp()
    let folded = 0
    const reduce = (total: number) => {
      folded++
      return total + 1
    }
    const show = () => `${useEventReducer(events.log, reduce, 0, { replay: true })} `
    const page = (length: number) => (
      <StrictMode>
        <SSEProvider service={fake.service} bufferSize={1}>
          {Array.from({ length }, (_, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
            <Show key={index} show={show} />
          ))}
        </SSEProvider>
      </StrictMode>
    )
    const { container, rerender } = render(page(10))
    await opened(fake)
    await push('a', 'b', 'c')
    await draw()
    rerender(page(12))
    expect(container.textContent).toBe('3 '.repeat(12))
    await push('d')
    await draw()
    expect(container.textContent).toBe('4 '.repeat(12))
    expect(folded).toBe(4)
  })

  it('have the same list, not equal ones', async () => {
    const { fake, push, draw } = setUp()
    const lists = new Set<unknown>()
    const show = () => {
      const { events: lines } = useServerEvents(events.log)
      if (lines.length > 0) lists.add(lines)
    }
    render(
      <SSEProvider service={fake.service}>
        <Show show={show} />
        <Show show={show} />
      </SSEProvider>,
    )
    await opened(fake)
    await push('a')
    await draw()
    expect(lists.size).toBe(1)
  })
})
