import type { EventOf } from '@rivulet/core'
import { FakeStream, type FakeStreamOptions } from '@rivulet/testing'
import { render } from '@testing-library/vue'
import { describe, expect, it, vi } from 'vitest'
import { createSSRApp, defineComponent, h, nextTick, onUpdated, reactive, shallowRef } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { type Events, events, frame, pushLines } from '../test/harness.js'
import { useRun } from './index.js'

const url = 'http://fake.test/answers/42'
const join = {
  reduce: (text: string, event: EventOf<Events>) => text + (event.type === 'log' ? event.message : ''),
  initial: '',
}

function createRun(options: FakeStreamOptions<Events> = {}) {
  const fake = new FakeStream(events, { run: true, ...options })
  const { fetch, clock } = fake
  return { fake, options: { events, fetch, clock } }
}

function mount<T>(setup: () => T, show: (result: T) => unknown = () => '') {
  let result!: T
  let updates = 0
  const Child = defineComponent(() => {
    result = setup()
    onUpdated(() => void updates++)
    return () => h('p', String(show(result)))
  })
  const { unmount, container } = render(Child)
  return { result, unmount, text: () => container.textContent, updates: () => updates }
}

async function shown(fake: FakeStream<Events>, connections = 1): Promise<void> {
  await vi.waitFor(() => expect(fake.connections).toBe(connections))
  await fake.message({ comment: 'ready' })
  await frame()
}

describe('useRun', () => {
  it('shows all of a run that began before, then what follows, then its end', async () => {
    const { fake, options } = createRun()
    await fake.push('log', { message: 'a' })
    const { result } = mount(() => useRun(url, { ...options, ...join }))
    expect(result.state.value).toBe('connecting')
    await shown(fake)
    expect([result.output.value, result.state.value, result.status.value]).toEqual(['a', 'running', 'open'])
    await pushLines(fake, 'b', 'c')
    await Promise.all([fake.push('log', { message: 'd' }), fake.finish('failed', 'producer lost')])
    await frame()
    expect([result.output.value, result.state.value, result.reason.value]).toEqual(['abcd', 'failed', 'producer lost'])
    expect([result.error.value, fake.requests.length]).toEqual([undefined, 1])
  })

  it('shows 100 events of one task in one update', async () => {
    const { fake, options } = createRun()
    const { text, updates } = mount(
      () => useRun(url, options),
      ({ output }) => output.value.length,
    )
    await shown(fake)
    const before = updates()
    await pushLines(fake, ...Array.from({ length: 100 }, (_, n) => `line ${n}`))
    expect([text(), updates() - before]).toEqual(['100', 1])
  })

  it('starts a run by POST and stops it at its address', async () => {
    const { fake, options } = createRun()
    const { result } = mount(() => useRun(url, { ...options, body: 'prompt' }))
    await result.stop()
    await frame()
    expect([result.state.value, result.location.value]).toEqual(['stopped', url])
    expect(fake.requests.map(({ method }) => method)).toEqual(['POST', 'DELETE'])
  })

  it('follows an address that changes, and reads nothing without one', async () => {
    const { fake, options } = createRun()
    const id = shallowRef<string>()
    const { result, text } = mount(
      () => useRun(() => id.value && `http://fake.test/${id.value}`, { ...options, ...join }),
      ({ output, state }) => `${state.value} ${output.value}`,
    )
    expect(text()).toBe('idle ')
    id.value = 'a'
    await nextTick()
    expect(text()).toBe('connecting ')
    await shown(fake)
    await pushLines(fake, 'x')
    expect(text()).toBe('running x')
    id.value = 'b'
    await nextTick()
    expect(text()).toBe('connecting ')
    await vi.waitFor(() => expect(fake.requests).toHaveLength(2))
    await shown(fake)
    expect(text()).toBe('running x')
    expect(fake.requests.map(({ url }) => url)).toEqual(['http://fake.test/a', 'http://fake.test/b'])
    id.value = undefined
    await nextTick()
    expect([text(), result.state.value]).toEqual(['idle ', 'idle'])
    await vi.waitFor(() => expect(fake.connections).toBe(0))
  })

  it('sends headers that are changed in place, and reads on', async () => {
    const { fake, options } = createRun()
    const headers = reactive({ authorization: 'a' })
    const { result } = mount(() => useRun(url, () => ({ ...options, ...join, headers })))
    await shown(fake)
    await pushLines(fake, 'x')
    headers.authorization = 'b'
    await vi.waitFor(() => expect(fake.requests).toHaveLength(2))
    await shown(fake)
    await pushLines(fake, 'y')
    expect(fake.requests.map(({ headers }) => headers.get('authorization'))).toEqual(['a', 'b'])
    expect(result.output.value).toBe('xy')
  })

  it('tells where output is missing', async () => {
    const { fake, options } = createRun()
    await fake.push('log', { message: 'a' })
    fake.forget()
    await fake.push('log', { message: 'b' })
    const { result } = mount(() => useRun(url, { ...options, ...join }))
    await shown(fake)
    expect([result.output.value, result.gap.value?.reason]).toEqual(['b', 'trimmed'])
  })

  it('leaves the run when it is unmounted', async () => {
    const { fake, options } = createRun()
    const { result, unmount } = mount(() => useRun(url, { ...options, ...join }))
    await shown(fake)
    unmount()
    await vi.waitFor(() => expect(fake.connections).toBe(0))
    expect(result.state.value).toBe('running')
  })

  it('renders on a server without a request', async () => {
    const { fake, options } = createRun()
    const Page = defineComponent(() => {
      const { output, state } = useRun('/answers/42', { ...options, ...join })
      return () => h('p', `${state.value} ${output.value}`)
    })
    expect(await renderToString(createSSRApp(Page))).toBe('<p>connecting </p>')
    expect(fake.requests).toEqual([])
  })
})
