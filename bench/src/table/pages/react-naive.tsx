import { type ReactElement, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { initialRows, update } from '../rows.js'
import { Table } from './react-table.js'

function Page(): ReactElement {
  const [rows, setRows] = useState(initialRows)
  useEffect(() => {
    const source = new EventSource('/events')
    source.addEventListener('quote', ({ data }) => {
      const quote = JSON.parse(data)
      setRows((current) => update(current, quote))
    })
    return () => source.close()
  }, [])
  return <Table rows={rows} />
}

createRoot(document.body).render(<Page />)
