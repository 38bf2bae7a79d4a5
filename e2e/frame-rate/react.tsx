import { SSEProvider, useEventReducer, useServerEvent, useServerEvents } from '@rivulet/react'
import { Profiler, type ReactElement, useLayoutEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './page.js'

function show(text: string): void {
  window.rate.shown = text
}

function Ticks(): ReactElement {
  const { latest } = useServerEvents(events.tick)
  const count = useEventReducer(events.tick, (total) => total + 1, 0)
  useServerEvent(events.tick, () => window.rate.handled++)
  const shown = `${count} ${latest?.n}`
  useLayoutEffect(() => show(shown))
  return <output>{shown}</output>
}

createRoot(document.body).render(
  <SSEProvider url="/events" events={events}>
    <Profiler id="ticks" onRender={() => window.rate.commits++}>
      <Ticks />
    </Profiler>
  </SSEProvider>,
)
