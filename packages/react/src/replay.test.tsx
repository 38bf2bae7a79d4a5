import { act, render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'
import { createFake, events, frame, opened, pushLines } from './testing.test.util.js'

function Late({ replay }: { replay?: boolean }) {
  const { events: all } = useServerEvents([events.progress, events.log], { replay })
  const count = useEventReducer(events.log, (total) => total + 1, 0, { replay })
  return (
    <output>
      {all.map((event) => (event.type === 'log' ? event.message : event.percent)).join(' ')} / {count}
    </output>
  )
}

async function mountLate(replay: boolean | undefined, bufferSize?: number) {
  const fake = createFake()
  const page = (late: boolean) => (
    <SSEProvider service={fake.service} bufferSize={bufferSize}>
      {late && <Late replay={replay} />}
    </SSEProvider>
  )
  const { rerender } = render(page(false))
  await opened(fake)
  await pushLines(fake, 'a', 'b')
  await act(() => fake.push('progress', { percent: 7 }))
  await pushLines(fake, 'c', 'd', 'e')
  rerender(page(true))
  return { fake, text: () => screen.getByRole('status').textContent }
}

it('begins with what came before the component, in order, at its first render', async () => {
  const { fake, text } = await mountLate(true)
  expect(text()).toBe('a b 7 c d e / 5')
  await pushLines(fake, 'f')
  expect(text()).toBe('a b 7 c d e f / 6')
})

it('keeps so many of each type, so that a busy one takes nothing from the others', async () => {
  const { text } = await mountLate(true, 2)
  expect(text()).toBe('7 d e / 2')
})

it('gives nothing from before where it is not asked for, or not kept', async () => {
  const { fake, text } = await mountLate(undefined)
  expect(text()).toBe(' / 0')
  await pushLines(fake, 'f')
  expect(text()).toBe('f / 1')
})

it('keeps nothing with a buffer of 0', async () => {
  const { text } = await mountLate(true, 0)
  await frame()
  expect(text()).toBe(' / 0')
})
