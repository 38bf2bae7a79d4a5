import { SSEProvider, useEventReducer, useServerEvent, useServerEvents } from '@rivulet/vue'
import { createApp, defineComponent, h, onUpdated } from 'vue'
import { events } from './page.js'

const Ticks = defineComponent(() => {
  const { latest } = useServerEvents(events.tick)
  const count = useEventReducer(events.tick, (total) => total + 1, 0)
  useServerEvent(events.tick, () => window.rate.handled++)
  onUpdated(() => void window.rate.commits++)
  return () => {
    window.rate.shown = `${count.value} ${latest.value?.n}`
    return h('output', window.rate.shown)
  }
})

createApp(() => h(SSEProvider, { url: '/events', events }, () => h(Ticks))).mount(document.body)
