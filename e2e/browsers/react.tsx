import { SSEProvider, useEventReducer, useServerEvent } from '@rivulet/react'
import type { ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from './contract.js'
import { shown } from './shown.js'

function Ticks(): ReactElement {
  const count = useEventReducer(events.tick, (total) => total + 1, 0)
  useServerEvent(events.tick, () => shown.handled++)
  return <output>{count}</output>
}

createRoot(document.body).render(
  <SSEProvider url="/events" events={events}>
    <Ticks />
  </SSEProvider>,
)
