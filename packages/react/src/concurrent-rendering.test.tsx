import { act, render } from '@testing-library/react'
import { startTransition } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, it, onTestFinished, vi } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useEventReducer } from './index.js'

/** The components that a transition mounts. */
const late = ['a', 'b', 'c', 'd', 'e', 'f']

function Count({ onRender }: { onRender?: (() => void) | undefined }) {
  const count = useEventReducer(events.log, (total) => total + 1, 0, { replay: true })
  onRender?.()
  return <output>{count}</output>
}

function Slow({ onRender }: { onRender: () => void }) {
  onRender()
  // Longer than React renders in one go.
  const end = performance.now() + 6
  while (performance.now() < end);
  return <i />
}

it.each([
  { meanwhile: 'an event comes', early: ['0'], draws: false, text: '1111111' },
  { meanwhile: 'an event comes and is drawn', early: ['0'], draws: true, text: '2222222' },
  { meanwhile: 'an event comes that no component listens to yet', early: [], draws: false, text: '111111' },
])('shows one state in all components if $meanwhile in the middle of a transition', async (scene) => {
  const fake = createFake()
  const container = document.createElement('div')
  const root = createRoot(container)
  /** Text of the page each time it could be painted. */
  const paints: string[] = []
  const observer = new MutationObserver(() => void paints.push(container.textContent!))
  observer.observe(container, { subtree: true, childList: true, characterData: true })
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
        <Count key={name} onRender={late.includes(name) ? renderSlowly : undefined} />
      ))}
    </SSEProvider>
  )
  act(() => root.render(page(scene.early)))
  onTestFinished(() => {
    observer.disconnect()
    act(() => root.unmount())
  })
  await opened(fake)
  await pushLines(fake, 'first')

  const { draw } = stubFrames()
  // React renders in slices only where it is not told to act.
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
  paints.length = 0
  startTransition(() => root.render(page([...scene.early, ...late])))
  await vi.waitFor(() => expect(paints).toContain(scene.text))
  expect(await interruption).toBeLessThan(late.length)
  draw()
  await vi.waitFor(() => expect(paints.at(-1)).toBe(scene.text.replaceAll('1', '2')))
  expect(paints.filter((text) => new Set(text).size > 1)).toEqual([])
})

it('shows the same in a newly mounted component as in the others until the next frame', async () => {
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

it('does not keep a transition from finishing, no matter how often events are shown', async () => {
  const fake = createFake()
  const container = document.createElement('div')
  const root = createRoot(container)
  const names = Array.from({ length: 20 }, (_, index) => `${index}`)
  let rendered = 0

  const page = (slow: readonly string[]) => (
    <SSEProvider service={fake.service}>
      <Count />
      {slow.map((name) => (
        <Slow key={name} onRender={() => rendered++} />
      ))}
    </SSEProvider>
  )
  act(() => root.render(page([])))
  onTestFinished(() => act(() => root.unmount()))
  await opened(fake)
  const { draw } = stubFrames()
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', false)
  let shown = 0
  startTransition(() => root.render(page(names)))
  // An event and a frame between any two of the slices that React renders in.
  while (container.querySelectorAll('i').length === 0) {
    await fake.push('log', { message: 'x' })
    draw()
    shown++
    await new Promise((resolve) => setTimeout(resolve))
  }
  // Nothing was rendered twice.
  expect(rendered).toBe(names.length)
  expect(shown).toBeGreaterThan(3)
  await vi.waitFor(() => expect(container.querySelector('output')?.textContent).toBe(String(shown)))
})
