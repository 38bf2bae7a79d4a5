import { act, render } from '@testing-library/react'
import { startTransition, useLayoutEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, it, onTestFinished, vi } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { SSEProvider, useEventReducer } from './index.js'
import { createFake, events, opened, pushLines } from './testing.test.util.js'

/** The components that a transition mounts. */
const late = ['a', 'b', 'c', 'd', 'e', 'f']

function Count({ onRender, onCommit }: { onRender?: (() => void) | undefined; onCommit?: () => void }) {
  const count = useEventReducer(events.log, (total) => total + 1, 0, { replay: true })
  useLayoutEffect(() => onCommit?.())
  onRender?.()
  return <output>{count}</output>
}

it.each([
  { meanwhile: 'an event comes', early: ['0'], draws: false, text: '1111111' },
  { meanwhile: 'an event comes and is drawn', early: ['0'], draws: true, text: '2222222' },
  { meanwhile: 'an event comes that no component listens to yet', early: [], draws: false, text: '222222' },
])('shows one state in all components where $meanwhile in the middle of a transition', async (scene) => {
  const fake = createFake()
  const container = document.createElement('div')
  const root = createRoot(container)
  /** What the page showed after each commit. */
  const commits: string[] = []
  let interruption: Promise<number> | undefined
  let rendered = 0

  async function interrupt(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve))
    const before = rendered
    await fake.push('log', { message: 'second' })
    if (scene.draws) draw()
    return before
  }

  function renderSlowly(): void {
    rendered++
    interruption ??= interrupt()
    // Longer than React renders in one go, so that other work comes between this component and the next.
    const end = performance.now() + 10
    while (performance.now() < end);
  }

  const page = (names: readonly string[]) => (
    <SSEProvider service={fake.service}>
      {names.map((name) => (
        <Count
          key={name}
          onRender={late.includes(name) ? renderSlowly : undefined}
          onCommit={() => void commits.push(container.textContent!)}
        />
      ))}
    </SSEProvider>
  )
  act(() => root.render(page(scene.early)))
  onTestFinished(() => act(() => root.unmount()))
  await opened(fake)
  await pushLines(fake, 'first')

  const { draw } = stubFrames()
  // React renders in slices only where it is not told to act.
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
  commits.length = 0
  startTransition(() => root.render(page([...scene.early, ...late])))
  await vi.waitFor(() => expect(commits).toContain(scene.text))
  expect(await interruption).toBeLessThan(late.length)
  draw()
  await vi.waitFor(() => expect(commits.at(-1)).toBe(scene.text.replaceAll('1', '2')))
  expect(commits.filter((text) => new Set(text).size > 1)).toEqual([])
})

it('shows in a component that is mounted what the others show, and no more until the next frame', async () => {
  const fake = createFake()
  const page = (...names: string[]) => (
    <SSEProvider service={fake.service}>
      {names.map((name) => (
        <Count key={name} />
      ))}
    </SSEProvider>
  )
  const { container, rerender } = render(page('early'))
  await opened(fake)
  await pushLines(fake, 'first')
  const { draw } = stubFrames()
  await act(() => fake.push('log', { message: 'second' }))
  rerender(page('early', 'late'))
  expect(container.textContent).toBe('11')
  act(draw)
  expect(container.textContent).toBe('22')
})
