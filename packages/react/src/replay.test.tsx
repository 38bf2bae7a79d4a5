import { act, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, it } from 'vitest'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, frame, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvent, useServerEvents } from './index.js'

function Late({ replay }: { replay?: boolean }) {
  const { events: all } = useServerEvents([events.progress, events.log], { replay })
  const count = useEventReducer(events.log, (total) => total + 1, 0, { replay })
  return (
    <output>
      {all.map((event) => (event.type === 'log' ? event.message : event.percent)).join(' ')} / {count}
    </output>
  )
}

function Opener() {
  const [open, setOpen] = useState(false)
  useServerEvent(events.progress, () => setOpen(true))
  return open && <Late />
}

function Count() {
  return <i>{useServerEvents(events.log).events.length}</i>
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

it('begins with earlier events, in order, at its first render', async () => {
  const { fake, text } = await mountLate(true)
  expect(text()).toBe('a b 7 c d e / 5')
  await pushLines(fake, 'f')
  expect(text()).toBe('a b 7 c d e f / 6')
})

it('limits kept events per type, so that a busy type does not displace others', async () => {
  const { text } = await mountLate(true, 2)
  expect(text()).toBe('7 d e / 2')
})

it('replays nothing unless asked to, or if nothing is kept', async () => {
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

it('replays nothing to a component that was mounted because of an event', async () => {
  const fake = createFake()
  render(
    <SSEProvider service={fake.service}>
      <Opener />
      <Count />
    </SSEProvider>,
  )
  await opened(fake)
  const { draw } = stubFrames()
  // Others wait for a frame, here and on a stream that has nothing to do with it.
  await act(async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => fake.push('log', { message: `${n}` })))
    await fake.push('progress', { percent: 1 })
  })
  expect(screen.getByRole('status').textContent).toBe(' / 0')
  await act(async () => draw())
  expect(screen.getByRole('status').textContent).toBe(' / 0')
  await act(() => fake.push('log', { message: 'new' }))
  await act(async () => draw())
  expect(screen.getByRole('status').textContent).toBe('new / 1')
})

it('shows kept events of a stream even if another stream waits for a frame', async () => {
  const { draw, due } = stubFrames()
  const busy = createFake()
  const calm = createFake()
  const page = (late: boolean) => (
    <>
      <SSEProvider service={busy.service}>
        <Count />
      </SSEProvider>
      <SSEProvider service={calm.service}>{late && <Late replay />}</SSEProvider>
    </>
  )
  const { rerender } = render(page(false))
  await opened(busy)
  await opened(calm)
  await act(() => calm.push('log', { message: 'a' }))
  await act(async () => draw())
  await act(() => busy.push('log', { message: 'x' }))
  expect(due.size).toBe(1)
  rerender(page(true))
  expect(screen.getByRole('status').textContent).toBe('a / 1')
})
