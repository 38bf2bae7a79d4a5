import { createApp, defineComponent, h, onUnmounted, shallowRef } from 'vue'
import { initialRows, update } from '../rows.js'
import { Table } from './vue-table.js'

const Page = defineComponent(() => {
  const rows = shallowRef(initialRows)
  const source = new EventSource('/events')
  source.addEventListener('quote', ({ data }) => {
    rows.value = update(rows.value, JSON.parse(data))
  })
  onUnmounted(() => source.close())
  return () => h(Table, { rows: rows.value })
})

createApp(Page).mount(document.body)
