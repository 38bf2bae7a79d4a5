import { expect, it, onTestFinished, vi } from 'vitest'
import { type App, createSSRApp, defineAsyncComponent, defineComponent, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { createFake, events, pushLines } from '../test/harness.js'
import {
  rivulet,
  SSEConnectionIndicator,
  SSEProvider,
  useConnectionStatus,
  useEventReducer,
  useServerEvents,
} from './index.js'

const Page = defineComponent(() => {
  const { events: lines } = useServerEvents(events.log, { replay: true })
  const count = useEventReducer(events.log, (total) => total + 1, 10, { replay: true })
  const { status } = useConnectionStatus()
  return () => [
    h(SSEConnectionIndicator),
    h('output', `${status.value} ${count.value} ${lines.value.map(({ message }) => message).join(' ')}`),
  ]
})

/** Vue tells of a mismatch in the console. */
function watchConsole() {
  const spies = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')]
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
  return () => spies.flatMap(({ mock }) => mock.calls)
}

function hydrate(app: App, html: string) {
  const container = document.createElement('div')
  container.innerHTML = html
  app.mount(container)
  onTestFinished(() => app.unmount())
  return () => container.querySelector('output')?.textContent
}

it('renders on a server without connecting, and hydrates without a mismatch', async () => {
  const complaints = watchConsole()
  const fetch = vi.fn(() => new Promise<Response>(() => {}))
  const page = () => h(SSEProvider, { url: '/events', events, fetch }, () => h(Page))
  const html = await renderToString(createSSRApp(page))
  expect(html).toContain('idle 10 ')
  expect(fetch).not.toHaveBeenCalled()
  const text = hydrate(createSSRApp(page), html)
  await vi.waitFor(() => expect(text()).toBe('connecting 10 '))
  expect(complaints()).toEqual([])
})

it('renders the same for an open stream, and then shows its events', async () => {
  const complaints = watchConsole()
  const fake = createFake()
  await fake.connect()
  const page = () => h(SSEProvider, { service: fake.service }, () => h(Page))
  const html = await renderToString(createSSRApp(page))
  expect(html).toContain('idle 10 ')
  const text = hydrate(createSSRApp(page), html)
  await pushLines(fake, 'a')
  await vi.waitFor(() => expect(text()).toBe('open 11 a'))
  expect(complaints()).toEqual([])
})

it('hydrates a lazy part without a mismatch, and then shows missed events', async () => {
  const complaints = watchConsole()
  const fake = createFake()
  let load = () => {}
  const loaded = new Promise<typeof Page>((resolve) => {
    load = () => resolve(Page)
  })
  const html = await renderToString(createSSRApp(() => h('main', [h(Page)])).use(rivulet(fake.service)))
  const Late = defineAsyncComponent(() => loaded)
  const app = createSSRApp(() => h('main', [h(Late)])).use(rivulet(fake.service))
  const text = hydrate(app, html)
  await fake.connect()
  await pushLines(fake, 'a', 'b')
  expect(text()).toBe('idle 10 ')
  load()
  await vi.waitFor(() => expect(text()).toBe('open 12 a b'))
  expect(complaints()).toEqual([])
})
