import { SSEProvider, useEventReducer, useServerEvent, useServerEvents } from '@rivulet/react'
import { Profiler, type ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './page.js'

function Ticks(): ReactElement {
  const { latest } = useServerEvents(events.tick)
  const count = useEventReducer(events.tick, (total) => total + 1, 0)
  useServerEvent(events.tick, () => window.rate.handled++)
  window.rate.shown = `${count} ${latest?.n}`
  return <output>{window.rate.shown}</output>
}

createRoot(document.body).render(
  <SSEProvider url="/events" events={events}>
    <Profiler id="ticks" onRender={() => window.rate.commits++}>
      <Ticks />
    </Profiler>
  </SSEProvider>,
)
