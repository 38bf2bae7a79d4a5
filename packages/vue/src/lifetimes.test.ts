import { render } from '@testing-library/vue'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createApp, defineComponent, effectScope, h, KeepAlive, nextTick, shallowRef } from 'vue'
import { createFake, events, frame, pushLines } from '../test/harness.js'
import { mount } from '../test/mount.js'
import { rivulet, SSEProvider, useEventReducer, useServerEvent, useServerEvents } from './index.js'

it('composables work in a scope of a component, and stop with it', async () => {
  const { fake, result } = await mount(() => {
    const scope = effectScope()
    return { scope, lines: scope.run(() => useServerEvents(events.log))! }
  })
  await pushLines(fake, 'a')
  result().scope.stop()
  await pushLines(fake, 'b')
  await frame()
  expect(result().lines.events.value).toMatchObject([{ message: 'a' }])
})

it('nothing starts in a scope that was stopped before the component was mounted', async () => {
  const received: string[] = []
  const { fake } = await mount(() => {
    const scope = effectScope()
    scope.run(() => useServerEvent(events.log, ({ message }) => received.push(message)))
    scope.stop()
  })
  await fake.push('log', { message: 'a' })
  expect(received).toEqual([])
})

it('composables start at once in a scope without a component, and leave no handler, frame or timer behind', async () => {
  const fake = createFake()
  const app = createApp(() => null).use(rivulet(fake.service))
  app.mount(document.createElement('div'))
  onTestFinished(() => app.unmount())
  await fake.connect()
  const scope = effectScope()
  const received: string[] = []
  const { lines } = app.runWithContext(() =>
    scope.run(() => {
      useServerEvent(events.log, ({ message }) => received.push(message))
      return { lines: useServerEvents(events.log).events, count: useEventReducer(events.log, (total) => total + 1, 0) }
    }),
  )!
  await pushLines(fake, 'a')
  expect(lines.value).toMatchObject([{ message: 'a' }])
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'requestAnimationFrame', 'cancelAnimationFrame'] })
  onTestFinished(() => void vi.useRealTimers())
  await fake.push('log', { message: 'b' })
  expect(vi.getTimerCount()).toBe(2)
  scope.stop()
  expect(vi.getTimerCount()).toBe(0)
  await fake.push('log', { message: 'c' })
  expect(vi.getTimerCount()).toBe(0)
  expect(received).toEqual(['a', 'b'])
})

it('stopping a provider’s scope stops the connection and its timers', async () => {
  const fake = createFake()
  const { fetch, clock } = fake
  const { unmount } = render(() => h(SSEProvider, { url: 'http://fake.test/', events, fetch, clock }))
  await vi.waitFor(() => expect(fake.connections).toBe(1))
  expect(clock.timers).toBeGreaterThan(0)
  unmount()
  await vi.waitFor(() => expect(fake.connections).toBe(0))
  expect(clock.timers).toBe(0)
})

it('a kept-alive component misses nothing while inactive', async () => {
  const fake = createFake()
  const received: string[] = []
  const Page = defineComponent(() => {
    const { events: lines } = useServerEvents(events.log)
    useServerEvent(events.log, ({ message }) => received.push(message))
    return () => h('p', lines.value.map(({ message }) => message).join(' '))
  })
  const Other = defineComponent(() => () => h('p', 'other'))
  const page = shallowRef(Page)
  const kept = shallowRef(true)
  const { container } = render(() =>
    h(SSEProvider, { service: fake.service }, () => kept.value && h(KeepAlive, null, () => h(page.value))),
  )
  await fake.connect()
  await pushLines(fake, 'a')
  page.value = Other
  await nextTick()
  await pushLines(fake, 'b')
  expect(container.textContent).toBe('other')
  page.value = Page
  await nextTick()
  expect(container.textContent).toBe('a b')
  page.value = Other
  await nextTick()
  kept.value = false
  await nextTick()
  await pushLines(fake, 'c')
  expect(received).toEqual(['a', 'b'])
})

it('a kept-alive provider keeps its connection while inactive, and closes it when dropped', async () => {
  const fake = createFake()
  const Page = defineComponent(() => () => h(SSEProvider, { service: fake.service }))
  const Other = defineComponent(() => () => null)
  const page = shallowRef(Page)
  const { unmount } = render(() => h(KeepAlive, null, () => h(page.value)))
  await fake.connect()
  page.value = Other
  await nextTick()
  expect(fake.service.status).toBe('open')
  page.value = Page
  await nextTick()
  expect(fake.requests).toHaveLength(1)
  page.value = Other
  await nextTick()
  unmount()
  await nextTick()
  expect(fake.service.status).toBe('closed')
})
