import { SSEProvider, useEventReducer } from '@rivulet/vue'
import { createApp, defineComponent, h } from 'vue'
import { events } from '../contract.js'
import { initialRows, update } from '../rows.js'
import { Table } from './vue-table.js'

const Page = defineComponent(() => {
  const rows = useEventReducer(events.quote, update, initialRows, { throttleMs: THROTTLE_MS })
  return () => h(Table, { rows: rows.value })
})

createApp(() => h(SSEProvider, { url: '/events', events }, () => h(Page))).mount(document.body)
