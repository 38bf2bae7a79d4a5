import { expect, test } from '@jest/globals'
import { FakeStream } from '@rivulet/testing'
import { SSEConnectionIndicator, SSEProvider, useServerEvents } from '@rivulet/vue'
import { createApp, defineComponent, h, nextTick } from 'vue'
import { events } from './events'

const Log = defineComponent(() => {
  const { latest } = useServerEvents(events.log)
  return () => h('p', latest.value?.message ?? 'nothing yet')
})

function mount(props: object) {
  const container = document.createElement('div')
  const app = createApp(() => h(SSEProvider, props, () => [h(Log), h(SSEConnectionIndicator)]))
  app.mount(container)
  return { app, text: () => container.textContent }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('shows events as they arrive', async () => {
  const fake = new FakeStream(events)
  const { app, text } = mount({ service: fake.service })
  await fake.connect()
  await nextTick()
  expect(text()).toBe('nothing yetConnected')
  await fake.push(events.log, { message: 'hello' })
  await until(() => text() === 'helloConnected')
  await fake.drop()
  await nextTick()
  expect(text()).toContain('Reconnecting')
  await fake.push(events.log, { message: 'missed' })
  await fake.retry()
  await until(() => text() === 'missedConnected')
  app.unmount()
})

test('an app with an unreachable server renders, and says so', async () => {
  const fetch = () => Promise.reject(new TypeError('Failed to fetch'))
  const { app, text } = mount({ url: 'http://fake.test/events', events, fetch })
  await until(() => text()!.includes('Reconnecting'))
  app.unmount()
})
