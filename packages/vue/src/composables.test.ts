import { render } from '@testing-library/vue'
import { describe, expect, it } from 'vitest'
import { defineComponent, nextTick, shallowRef } from 'vue'
import { events, pushLines } from '../test/harness.js'
import { mount } from '../test/mount.js'
import {
  MissingStreamError,
  useConnectionStatus,
  useEventReducer,
  useEventStream,
  useServerEvent,
  useServerEvents,
} from './index.js'

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`)

describe('useServerEvents', () => {
  it('shows all of 100 events of one task in one update', async () => {
    const { fake, result, updates } = await mount(
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
    const { fake, result } = await mount(() => useServerEvents(definition, { limit }))
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
})

it('useServerEvent skips the history if only live events are wanted', async () => {
  const live = shallowRef(true)
  const received: string[] = []
  const { fake } = await mount(() => useServerEvent(events.log, ({ message }) => received.push(message), { live }))
  await pushLines(fake, 'a')
  await fake.drop()
  await fake.push('log', { message: 'missed' })
  await fake.retry()
  await pushLines(fake, 'b')
  expect(received).toEqual(['a', 'b'])
  live.value = false
  await fake.drop()
  await fake.push('log', { message: 'missed' })
  await fake.retry()
  expect(received).toEqual(['a', 'b', 'missed'])
})

it('useServerEvent calls the handler with each event of a burst, and none after unmounting', async () => {
  const received: string[] = []
  const { fake, unmount } = await mount(() => useServerEvent(events.log, ({ message }) => received.push(message)))
  await pushLines(fake, ...hundred)
  expect(received).toEqual(hundred)
  unmount()
  await fake.push('log', { message: 'late' })
  expect(received).toHaveLength(100)
})

it('useServerEvent follows a definition that changes', async () => {
  const definition = shallowRef<typeof events.log | typeof events.progress>(events.log)
  const received: string[] = []
  const { fake } = await mount(() => useServerEvent(definition, ({ type }) => received.push(type)))
  await pushLines(fake, 'a')
  definition.value = events.progress
  await pushLines(fake, 'b')
  await fake.push('progress', { percent: 1 })
  expect(received).toEqual(['log', 'progress'])
})

it('useServerEvent reports the handler’s error to the stream, and continues', async () => {
  const received: string[] = []
  const { fake } = await mount(() =>
    useServerEvent(events.log, ({ message }) => {
      received.push(message)
      throw new Error(message)
    }),
  )
  const errors: unknown[] = []
  fake.service.onError((error) => errors.push(error))
  await pushLines(fake, 'a', 'b')
  expect(received).toEqual(['a', 'b'])
  expect(errors).toMatchObject([{ message: 'a' }, { message: 'b' }])
})

it('useEventReducer starts over if the types change, but not for an equal array', async () => {
  const definitions = shallowRef([events.log, events.progress])
  const { fake, result } = await mount(() => useEventReducer(definitions, (total) => total + 1, 0))
  await pushLines(fake, 'a')
  definitions.value = [events.log, events.progress]
  await fake.push('progress', { percent: 1 })
  await pushLines(fake, 'b')
  expect(result().value).toBe(3)
  definitions.value = [events.progress]
  expect(result().value).toBe(0)
  await pushLines(fake, 'c')
  expect(result().value).toBe(0)
})

it('useEventReducer reduces every event, and is replaced once per frame', async () => {
  const { fake, result, updates } = await mount(
    () => useEventReducer(events.log, (total) => total + 1, 0),
    (count) => count.value,
  )
  await pushLines(fake, ...hundred)
  expect(result().value).toBe(100)
  expect(updates()).toBe(1)
})

it('useConnectionStatus returns the state from the first render on', async () => {
  const seen: string[] = []
  const { shown } = await mount(
    () => useConnectionStatus(),
    ({ status }) => seen.push(status.value),
  )
  shown.value = false
  await nextTick()
  seen.length = 0
  shown.value = true
  await nextTick()
  expect(seen).toEqual(['open'])
})

it('useConnectionStatus follows the state, and reconnects on request', async () => {
  const { fake, result } = await mount(() => useConnectionStatus())
  expect(result().status.value).toBe('open')
  await fake.drop()
  expect(result().state.value).toMatchObject({ status: 'waiting', attempt: 1, retryAt: fake.service.state.retryAt })
  result().reconnect()
  await fake.connect()
  expect(result().status.value).toBe('open')
  expect(fake.requests).toHaveLength(2)
})

it('refuse to work without a stream', () => {
  const Child = defineComponent(() => {
    useEventStream()
    return () => null
  })
  expect(() => render(Child)).toThrow(MissingStreamError)
})
