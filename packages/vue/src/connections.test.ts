import { render, screen } from '@testing-library/vue'
import { expect, it, vi } from 'vitest'
import { createApp, createSSRApp, defineComponent, h, nextTick, shallowRef } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { rivulet, SSEConnectionIndicator, SSEProvider, useServerEvents } from './index.js'
import { startServer } from './real-server.test.util.js'
import { createFake, events } from './testing.test.util.js'

const Lines = defineComponent(() => {
  const { events: lines, status } = useServerEvents(events.log)
  return () => [
    h('p', status.value),
    h('p', { 'data-testid': 'lines' }, lines.value.map(({ message }) => message).join(' ')),
  ]
})

const shown = (text: string) => vi.waitFor(() => expect(screen.getByTestId('lines').textContent).toBe(text))

it('makes one connection, keeps it over inline options, reconnects once with other headers, closes when unmounted', async () => {
  const { manager, url, requests, authorizations } = await startServer(events)
  const token = shallowRef('old')
  const renders = shallowRef(0)
  const { unmount } = render(() =>
    h(
      SSEProvider,
      { url: new URL(url), events, headers: { authorization: token.value }, fetch: (...v) => fetch(...v), key: 1 },
      () => [h('i', renders.value), h(Lines)],
    ),
  )
  await screen.findByText('open')
  for (let n = 0; n < 10; n++) {
    renders.value++
    await nextTick()
  }
  await manager.publish('log', { message: 'one' })
  await shown('one')
  expect(requests).toHaveLength(1)
  token.value = 'new'
  await nextTick()
  await manager.publish('log', { message: 'two' })
  await shown('one two')
  expect(authorizations).toEqual(['old', 'new'])
  unmount()
  await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  expect(requests).toHaveLength(2)
})

it('leaves one connection where the URL changes while a retry is pending, and none and no timer after unmounting', async () => {
  const first = await startServer(events)
  const second = await startServer(events)
  const { clock } = createFake()
  const url = shallowRef(first.url)
  const { unmount } = render(() => h(SSEProvider, { url: url.value, events, clock }, () => h(Lines)))
  await screen.findByText('open')
  first.drop()
  await screen.findByText('waiting')
  url.value = second.url
  await screen.findByText('open')
  clock.advance(60_000)
  expect([first, second].map(({ requests }) => requests.length)).toEqual([1, 1])
  expect(second.manager.connections.size).toBe(1)
  unmount()
  await vi.waitFor(() => expect(second.manager.connections.size).toBe(0))
  expect(clock.timers).toBe(0)
})

it('is connected by the plugin while the app is mounted', async () => {
  const fake = createFake()
  const app = createApp(Lines).use(rivulet(fake.service))
  expect(fake.service.status).toBe('idle')
  app.mount(document.createElement('div'))
  expect(fake.service.status).toBe('connecting')
  await fake.connect()
  app.unmount()
  await Promise.resolve()
  expect(fake.service.status).toBe('closed')
})

it('renders on a server without connecting, and hydrates without a mismatch', async () => {
  const warn = vi.spyOn(console, 'warn')
  const error = vi.spyOn(console, 'error')
  const fetch = vi.fn(() => new Promise<Response>(() => {}))
  const page = () => h(SSEProvider, { url: '/events', events, fetch }, () => [h(Lines), h(SSEConnectionIndicator)])
  const html = await renderToString(createSSRApp(page))
  expect(html).toContain('idle')
  expect(fetch).not.toHaveBeenCalled()
  const container = document.createElement('div')
  container.innerHTML = html
  const app = createSSRApp(page)
  app.mount(container)
  expect(warn).not.toHaveBeenCalled()
  expect(error).not.toHaveBeenCalled()
  app.unmount()
  warn.mockRestore()
  error.mockRestore()
})
