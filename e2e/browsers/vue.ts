import { SSEProvider, useEventReducer, useServerEvent } from '@rivulet/vue'
import { createApp, defineComponent, h } from 'vue'
import { events } from './contract.js'
import { shown } from './shown.js'

const Ticks = defineComponent(() => {
  const count = useEventReducer(events.tick, (total) => total + 1, 0)
  useServerEvent(events.tick, () => shown.handled++)
  return () => h('output', count.value)
})

createApp(() => h(SSEProvider, { url: '/events', events }, () => h(Ticks))).mount(document.body)
