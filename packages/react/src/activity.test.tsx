import { act, render } from '@testing-library/react'
import * as React from 'react'
import { expect, it } from 'vitest'
import { SSEProvider, useServerEvents } from './index.js'
import { createFake, events, opened, pushLines } from './testing.test.util.js'

function Lines() {
  return <output>{useServerEvents(events.log).events.map(({ message }) => message)}</output>
}

/** React has it from 19.2 on. */
const { Activity } = React

it.skipIf(!Activity)('shows what came while it was hidden, each event once', async () => {
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
