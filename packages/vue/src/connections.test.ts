import { defineEvents } from '@rivulet/core'
import { render, screen } from '@testing-library/vue'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createApp, defineComponent, h, isReactive, nextTick, reactive, ref, shallowRef } from 'vue'
import { z } from 'zod'
import { startServer } from '../../../test-support/real-server.js'
import { createFake, events } from '../test/harness.js'
import { rivulet, SSEProvider, useConnectionStatus, useEventStream, useServerEvents } from './index.js'

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

it('leaves one connection if the URL changes while a retry is pending, and nothing after unmounting', async () => {
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

it('leaves one connection if the user reconnects while a retry is pending, and nothing after unmounting', async () => {
  const { manager, url, requests, drop } = await startServer(events)
  const { clock } = createFake()
  let reconnect = () => {}
  const Button = defineComponent(() => {
    reconnect = useConnectionStatus().reconnect
    return () => h(Lines)
  })
  const { unmount } = render(() => h(SSEProvider, { url, events, clock }, () => h(Button)))
  await screen.findByText('open')
  drop()
  await screen.findByText('waiting')
  reconnect()
  await screen.findByText('open')
  // Longer than the retry would have waited.
  clock.advance(60_000)
  await manager.publish('log', { message: 'once' })
  await shown('once')
  expect(requests).toHaveLength(2)
  expect(manager.connections.size).toBe(1)
  unmount()
  await vi.waitFor(() => expect(manager.connections.size).toBe(0))
  expect(clock.timers).toBe(0)
})

it('gives nested providers a stream each, and components the nearest one', async () => {
  const outer = await startServer(events)
  const inner = await startServer(events)
  render(() =>
    h(SSEProvider, { url: outer.url, events }, () => h(SSEProvider, { url: inner.url, events }, () => h(Lines))),
  )
  await screen.findByText('open')
  await vi.waitFor(() => expect(outer.manager.connections.size).toBe(1))
  await outer.manager.publish('log', { message: 'outer' })
  await inner.manager.publish('log', { message: 'inner' })
  await shown('inner')
})

it('connects a given stream with the first of several providers, and closes it with the last', async () => {
  const fake = createFake()
  const keys = shallowRef(['a', 'b'])
  const show = async (...next: string[]) => {
    keys.value = next
    await nextTick()
    await Promise.resolve()
  }
  render(() => keys.value.map((key) => h(SSEProvider, { key, service: fake.service })))
  await fake.connect()
  await show('b')
  expect(fake.service.status).toBe('open')
  // Unmounting and mounting in one go keeps the connection.
  await show('c')
  expect(fake.service.status).toBe('open')
  await show()
  expect(fake.service.status).toBe('closed')
  expect(fake.requests).toHaveLength(1)
})

it('leaves an already open stream open', async () => {
  const fake = createFake()
  await fake.connect()
  render(() => h(SSEProvider, { service: fake.service })).unmount()
  await Promise.resolve()
  expect(fake.service.status).toBe('open')
})

it('calls the functions of the latest render', async () => {
  const fake = createFake()
  const { fetch, clock } = fake
  const token = shallowRef('a')
  const props = (current: string) => ({
    url: () => `http://fake.test/?${current}`,
    headers: () => ({ token: current }),
  })
  render(() => h(SSEProvider, { ...props(token.value), events, fetch, clock }, () => h(Lines)))
  await screen.findByText('open')
  token.value = 'b'
  await nextTick()
  expect(fake.requests).toHaveLength(1)
  void fake.drop()
  await screen.findByText('waiting')
  clock.advance(10_000)
  await screen.findByText('open')
  expect(fake.requests.map(({ url, headers }) => [url, headers.get('token')])).toEqual([
    ['http://fake.test/?a', 'a'],
    ['http://fake.test/?b', 'b'],
  ])
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

it('reads bare template attributes as true, and absent ones as undefined', async () => {
  const fake = createFake()
  const { clock, fetch } = fake
  const seen: unknown[] = []
  const Child = defineComponent(() => {
    seen.push(useEventStream().value)
    return () => h(Lines)
  })
  const { rerender } = render(SSEProvider, {
    // As a template compiles `<SSEProvider validate persist>`.
    props: { url: 'http://fake.test/a', events, fetch, clock, validate: '', persist: '' } as object,
    slots: { default: () => h(Child) },
  })
  await screen.findByText('open')
  window.dispatchEvent(new Event('pagehide'))
  expect(sessionStorage.length).toBeGreaterThan(0)
  sessionStorage.clear()
  await rerender({ validate: true, persist: true })
  expect(fake.requests).toHaveLength(1)
})

it('refuses a bare `shared` without a key, like `shared: true`', () => {
  const props = { url: 'http://fake.test/a', events, shared: '' } as object
  expect(() => render(SSEProvider, { props })).toThrow('shared')
})

it.each([
  ['with a bare `idempotent`', '', 'waiting'],
  ['without `idempotent`', undefined, 'closed'],
])('repeats a POST only %s', async (_, idempotent, status) => {
  const fake = createFake()
  const { clock } = fake
  const failing = async () => {
    throw new TypeError('network')
  }
  const props = { url: 'http://fake.test/a', method: 'POST', events, fetch: failing, clock, idempotent } as object
  render(SSEProvider, { props, slots: { default: () => h(Lines) } })
  await screen.findByText(status)
})

it.each([
  ['', 'a'],
  [undefined, 'a'],
  [true, 'a'],
  [false, '7 a'],
])('with `validate` %j, shows %j', async (validate, text) => {
  const fake = createFake()
  const { clock, fetch } = fake
  const props = { url: 'http://fake.test/a', events, fetch, clock, validate } as object
  const Latest = defineComponent(() => {
    const { events: lines, status } = useServerEvents(events.log, { limit: 2 })
    return () => [
      h('p', status.value),
      h('p', { 'data-testid': 'lines' }, lines.value.map((line) => line.message).join(' ')),
    ]
  })
  render(SSEProvider, { props, slots: { default: () => h(Latest) } })
  await screen.findByText('open')
  // Without a listener, the report of an invalid event goes here.
  const report = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => report.mockRestore())
  await fake.message({ event: 'log', data: '{"message":7}' })
  await fake.push('log', { message: 'a' })
  await shown(text)
})

it('takes a stream from reactive data, where it stays itself', async () => {
  const fake = createFake()
  const service = ref<unknown>(fake.service)
  const state = reactive({ nested: { service: fake.service } })
  expect(service.value).toBe(fake.service)
  expect(isReactive(state.nested.service)).toBe(false)
  const view = render(() => h(SSEProvider, { service: service.value as typeof fake.service }, () => h(Lines)))
  await fake.connect()
  await screen.findByText('open')
  expect(state.nested.service.status).toBe('open')
  view.unmount()
  const app = createApp(Lines).use(rivulet(state.nested.service as typeof fake.service))
  app.mount(document.createElement('div'))
  await fake.connect()
  app.unmount()
})

it('follows mutated headers', async () => {
  const fake = createFake()
  const { clock, fetch } = fake
  const headers = reactive({ token: 'a' })
  render(() => h(SSEProvider, { url: 'http://fake.test/', events, headers, fetch, clock }, () => h(Lines)))
  await screen.findByText('open')
  headers.token = 'b'
  await vi.waitFor(() => expect(fake.requests.map(({ headers: sent }) => sent.get('token'))).toEqual(['a', 'b']))
})

it('treats a contract created with each render as the same', async () => {
  const fake = createFake()
  const { clock, fetch } = fake
  const renders = shallowRef(0)
  const contract = () => defineEvents({ log: z.object({ message: z.string() }) })
  render(() =>
    h(SSEProvider, { url: 'http://fake.test/', events: contract(), fetch, clock }, () => [
      h('i', renders.value),
      h(Lines),
    ]),
  )
  await screen.findByText('open')
  for (let n = 0; n < 5; n++) {
    renders.value++
    await nextTick()
  }
  await fake.push('log', { message: 'a' })
  await shown('a')
  expect(fake.requests).toHaveLength(1)
})
