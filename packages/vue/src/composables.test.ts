import { render } from '@testing-library/vue'
import { describe, expect, it } from 'vitest'
import { defineComponent, effectScope, h, nextTick, onUpdated, shallowRef } from 'vue'
import {
  MissingStreamError,
  SSEProvider,
  useConnectionStatus,
  useEventReducer,
  useEventStream,
  useServerEvent,
  useServerEvents,
} from './index.js'
import { createFake, events, frame, pushLines } from './testing.test.util.js'

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`)

/** Runs composables in a component below a provider of a fake stream. */
async function run<T>(setup: () => T, show: (result: T) => unknown = () => '') {
  const fake = createFake()
  let result!: T
  let updates = 0
  const shown = shallowRef(true)
  const Child = defineComponent(() => {
    result = setup()
    onUpdated(() => void updates++)
    return () => h('p', String(show(result)))
  })
  const view = render(() => h(SSEProvider, { service: fake.service }, () => shown.value && h(Child)))
  await fake.connect()
  await nextTick()
  updates = 0
  return { fake, ...view, result: () => result, updates: () => updates, shown }
}

describe('useServerEvents', () => {
  it('shows all of 100 events of one task in one update', async () => {
    const { fake, result, updates } = await run(
      () => useServerEvents(events.log),
      ({ events: lines }) => lines.value.length,
    )
    await pushLines(fake, ...hundred)
    const { events: lines, latest, status } = result()
    expect(lines.value.map(({ message }) => message)).toEqual(hundred)
    expect(latest.value?.message).toBe('line 99')
    expect(status.value).toBe('open')
    expect(updates()).toBe(1)
  })

  it('follows definitions and a limit that change', async () => {
    const definition = shallowRef<typeof events.log | typeof events.progress>(events.log)
    const limit = shallowRef(2)
    const { fake, result } = await run(() => useServerEvents(definition, { limit }))
    await pushLines(fake, 'a', 'b', 'c')
    expect(result().events.value).toMatchObject([{ message: 'b' }, { message: 'c' }])
    limit.value = 1
    expect(result().events.value).toMatchObject([{ message: 'c' }])
    definition.value = events.progress
    expect(result().events.value).toEqual([])
    await fake.push('progress', { percent: 5 })
    await pushLines(fake, 'd')
    expect(result().events.value).toMatchObject([{ percent: 5 }])
  })

  it('begins with what came before the component where it is asked to', async () => {
    const { fake, result, shown } = await run(() => ({
      with: useServerEvents([events.log, events.progress], { replay: true }),
      without: useServerEvents(events.log),
    }))
    shown.value = false
    await pushLines(fake, 'a')
    await fake.push('progress', { percent: 5 })
    shown.value = true
    await nextTick()
    expect(result().with.events.value).toMatchObject([{ message: 'a' }, { percent: 5 }])
    expect(result().without.events.value).toEqual([])
  })
})

it('useServerEvent calls the handler with each event of a burst, and none after unmounting', async () => {
  const received: string[] = []
  const { fake, unmount } = await run(() => useServerEvent(events.log, ({ message }) => received.push(message)))
  await pushLines(fake, ...hundred)
  expect(received).toEqual(hundred)
  unmount()
  await fake.push('log', { message: 'late' })
  expect(received).toHaveLength(100)
})

it('useEventReducer reduces every event, and is replaced once per frame', async () => {
  const { fake, result, updates } = await run(
    () => useEventReducer(events.log, (total) => total + 1, 0),
    (count) => count.value,
  )
  await pushLines(fake, ...hundred)
  expect(result().value).toBe(100)
  expect(updates()).toBe(1)
})

it('useConnectionStatus tells the state, and reconnects on request', async () => {
  const { fake, result } = await run(() => useConnectionStatus())
  expect(result().status.value).toBe('open')
  await fake.drop()
  expect(result().state.value).toMatchObject({ status: 'waiting', attempt: 1, retryAt: fake.service.state.retryAt })
  result().reconnect()
  await fake.connect()
  expect(result().status.value).toBe('open')
  expect(fake.requests).toHaveLength(2)
})

it('composables work in a scope of an app, and stop with it', async () => {
  const { fake, result } = await run(() => {
    const scope = effectScope()
    return { scope, lines: scope.run(() => useServerEvents(events.log))! }
  })
  await pushLines(fake, 'a')
  result().scope.stop()
  await pushLines(fake, 'b')
  await frame()
  expect(result().lines.events.value).toMatchObject([{ message: 'a' }])
})

it('nothing begins in a scope that was stopped before the component was mounted', async () => {
  const received: string[] = []
  const { fake } = await run(() => {
    const scope = effectScope()
    scope.run(() => useServerEvent(events.log, ({ message }) => received.push(message)))
    scope.stop()
  })
  await fake.push('log', { message: 'a' })
  expect(received).toEqual([])
})

it('refuse to work without a stream', () => {
  const Child = defineComponent(() => {
    useEventStream()
    return () => null
  })
  expect(() => render(Child)).toThrow(MissingStreamError)
})
