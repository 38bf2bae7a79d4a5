import { act, render } from '@testing-library/react'
import * as React from 'react'
import { Profiler, type ReactNode, startTransition, useLayoutEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, it, onTestFinished } from 'vitest'
import { SSEProvider, useEventReducer } from './index.js'
import { createFake, events, frame, opened, pushLines } from './testing.test.util.js'

/** Longer than React renders in one go in a transition. */
const sliceMs = 10

function keepBusy(): void {
  const end = performance.now() + sliceMs
  while (performance.now() < end);
}

it('shows one state in all components, also where events come in the middle of a render', async () => {
  const fake = createFake()
  const texts: string[] = []
  let rendered: () => void = () => {}
  function Count({ slow }: { slow: boolean }) {
    const count = useEventReducer(events.log, (total) => total + 1, 0)
    if (slow) {
      rendered()
      keepBusy()
    }
    return <output>{count}</output>
  }
  function Page({ slow }: { slow: boolean }) {
    // After the commit, before anything else can happen.
    useLayoutEffect(() => void texts.push(container.textContent ?? ''))
    return Array.from({ length: 6 }, (_, index) => <Count key={index} slow={slow} />)
  }
  const container = document.createElement('div')
  const page = (slow: boolean) => (
    <SSEProvider service={fake.service}>
      <Page slow={slow} />
    </SSEProvider>
  )
  const root = createRoot(container)
  onTestFinished(() => act(() => root.unmount()))
  act(() => root.render(page(false)))
  await opened(fake)
})
