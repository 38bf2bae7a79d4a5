import { SSEProvider, useEventReducer, useServerEvent } from '@rivulet/react'
import { memo, type ReactElement, startTransition, useLayoutEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './contract.js'

export interface Scene {
  /** Number of events that a handler received. */
  handled: number
  /** Number of renders of the slow components. */
  slowRenders: number
  /** Counts on the page, each time that it changed. */
  readonly paints: string[][]
  /** Starts the transition. */
  start(): void
  /** Filled in as the transition starts and commits. */
  startedAfter: number | undefined
  committedAfter: number | undefined
}

declare global {
  interface Window {
    scene: Scene
  }
}

window.scene = {
  handled: 0,
  slowRenders: 0,
  paints: [],
  start: () => {},
  startedAfter: undefined,
  committedAfter: undefined,
}

function Count(): ReactElement {
  const count = useEventReducer(events.tick, (total) => total + 1, 0, { replay: true })
  return <output>{count}</output>
}

/** Keeps React busy for longer than one of its slices. */
function renderSlowly(): void {
  window.scene.slowRenders++
  const end = performance.now() + 10
  while (performance.now() < end);
}

/** Shows the count too, so that tearing is seen. */
const Slow = memo(function Slow(): ReactElement {
  renderSlowly()
  return <Count />
})

function Page(): ReactElement {
  const [slow, setSlow] = useState<number[]>([])
  useServerEvent(events.tick, () => window.scene.handled++)
  useLayoutEffect(() => {
    if (slow.length > 0) window.scene.committedAfter = window.scene.handled
    window.scene.start = () => {
      window.scene.startedAfter = window.scene.handled
      startTransition(() => setSlow(Array.from({ length: 50 }, (_, n) => n)))
    }
  }, [slow])
  return (
    <>
      <Count />
      <Count />
      {slow.map((n) => (
        <Slow key={n} />
      ))}
    </>
  )
}

new MutationObserver(() => {
  window.scene.paints.push([...document.querySelectorAll('output')].map(({ textContent }) => textContent))
}).observe(document.body, { subtree: true, childList: true, characterData: true })

createRoot(document.body.appendChild(document.createElement('main'))).render(
  <SSEProvider url="/events" events={events}>
    <Page />
  </SSEProvider>,
)
