import { SSEProvider, useEventReducer } from '@rivulet/react'
import type { ReactElement } from 'react'
import { createRoot } from 'react-dom/client'
import { events } from '../contract.js'
import { initialRows, update } from '../rows.js'
import { Table } from './react-table.js'

function Page(): ReactElement {
  return <Table rows={useEventReducer(events.quote, update, initialRows, { throttleMs: THROTTLE_MS })} />
}

createRoot(document.body).render(
  <SSEProvider url="/events" events={events}>
    <Page />
  </SSEProvider>,
)
