import { act, render } from '@testing-library/react'
import * as React from 'react'
import { expect, it } from 'vitest'
import { createFake, events, opened, pushLines } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvents } from './index.js'

function Lines() {
  return <output>{useServerEvents(events.log).events.map(({ message }) => message)}</output>
}

function Count({ onRender }: { onRender: () => void }) {
  onRender()
  return <output>{useEventReducer(events.log, (total) => total + 1, 0)}</output>
}

function Messages({ onMessage }: { onMessage: (message: string) => undefined }) {
  return <output>{useEventReducer(events.log, (_, { message }) => onMessage(message), undefined)}</output>
}

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`)

/** React has it from 19.2 on. */
const { Activity } = React

it.skipIf(!Activity)('shows events that arrived while it was hidden, once each', async () => {
  const fake = createFake()
  const page = (mode: 'visible' | 'hidden') => (
    <SSEProvider service={fake.service}>
      <Activity mode={mode}>
        <Lines />
      </Activity>
    </SSEProvider>
  )
  const { container, rerender } = render(page('visible'))
  await opened(fake)
  await pushLines(fake, 'a')
  rerender(page('hidden'))
  await pushLines(fake, 'b')
  // A render while it is hidden makes no difference.
  rerender(page('hidden'))
  await pushLines(fake, 'c')
  await act(async () => rerender(page('visible')))
  await pushLines(fake, 'd')
  expect(container.textContent).toBe('abcd')
  expect(fake.requests).toHaveLength(1)
})

it.skipIf(!Activity)('reduces every event behind a hidden <Activity>, even more than the provider keeps', async () => {
  const fake = createFake()
  let renders = 0
  const page = (mode: 'visible' | 'hidden') => (
    <SSEProvider service={fake.service} bufferSize={10}>
      <Activity mode={mode}>
        <Count onRender={() => renders++} />
      </Activity>
    </SSEProvider>
  )
  const { container, rerender } = render(page('visible'))
  await opened(fake)
  await pushLines(fake, 'a')
  rerender(page('hidden'))
  await act(async () => {})
  const before = renders
  for (let n = 0; n < 3; n++) await pushLines(fake, ...hundred)
  // Nobody sees it.
  expect(renders).toBe(before)
  await act(async () => rerender(page('visible')))
  expect(container.textContent).toBe('301')
})

it.skipIf(!Activity)('stops reducing when a hidden component is unmounted', async () => {
  const fake = createFake()
  const seen: string[] = []
  const page = (shown: boolean) => (
    <SSEProvider service={fake.service}>
      {shown && (
        <Activity mode="hidden">
          <Messages onMessage={(message) => void seen.push(message)} />
        </Activity>
      )}
    </SSEProvider>
  )
  const { rerender } = render(page(true))
  await opened(fake)
  await pushLines(fake, 'a')
  rerender(page(false))
  await pushLines(fake, 'b')
  expect(seen).toEqual(['a'])
})
