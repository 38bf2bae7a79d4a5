import { render } from '@testing-library/vue'
import { describe, expect, it } from 'vitest'
import { defineComponent, h, nextTick, shallowRef } from 'vue'
import { stubFrames } from '../../../test-support/stub-frames.js'
import { createFake, events, pushLines } from '../test/harness.js'
import { mount } from '../test/mount.js'
import { SSEProvider, useEventReducer, useGap, useServerEvent, useServerEvents } from './index.js'

const messages = (lines: readonly { message: string }[]) => lines.map(({ message }) => message).join('')

describe('enabled', () => {
  it.each([false, true])('keeps what there is while false, and then goes on (replay: %s)', async (replay) => {
    const enabled = shallowRef(true)
    const { fake, text } = await mount(
      () => useServerEvents(events.log, { enabled, replay }),
      ({ events: lines }) => messages(lines.value),
    )
    await pushLines(fake, 'a')
    enabled.value = false
    await pushLines(fake, 'b')
    expect(text()).toBe('a')
    enabled.value = true
    await pushLines(fake, 'c')
    expect(text()).toBe(replay ? 'abc' : 'ac')
  })

  it('calls the handler of useServerEvent only while true', async () => {
    const enabled = shallowRef(false)
    const seen: string[] = []
    const { fake } = await mount(() => useServerEvent(events.log, ({ message }) => seen.push(message), { enabled }))
    await pushLines(fake, 'a')
    enabled.value = true
    await pushLines(fake, 'b')
    enabled.value = false
    await pushLines(fake, 'c')
    expect(seen).toEqual(['b'])
  })
})

describe('select', () => {
  it('updates only when the selection changes, also if the status does', async () => {
    const { fake, text, updates } = await mount(
      () => useServerEvents(events.log, { select: ({ latest }) => latest?.message }),
      (last) => last.value,
    )
    await pushLines(fake, 'a')
    await pushLines(fake, 'x', 'a')
    await fake.drop()
    await fake.retry()
    await nextTick()
    expect([text(), updates()]).toEqual(['a', 1])
    await pushLines(fake, 'b')
    expect([text(), updates()]).toEqual(['b', 2])
  })

  it('keeps an equal selection, and follows what it reads', async () => {
    const letter = shallowRef('a')
    const { fake, result, text, updates } = await mount(
      () =>
        useEventReducer(events.log, (all, { message }) => [...all, message], [] as readonly string[], {
          select: (all) => all.filter((message) => message.includes(letter.value)),
          equal: (a, b) => a.join() === b.join(),
        }),
      (matching) => matching.value.join(' '),
    )
    await pushLines(fake, 'a1', 'b1')
    const before = result().value
    await pushLines(fake, 'b2')
    expect([text(), updates()]).toEqual(['a1', 1])
    expect(result().value).toBe(before)
    letter.value = 'b'
    await nextTick()
    expect(text()).toBe('b1 b2')
  })
})

it('throttleMs updates at most once per that time, and always to the last value', async () => {
  const { draw, due } = stubFrames()
  const throttleMs = shallowRef(500)
  const { fake, text, unmount } = await mount(
    () => useServerEvents(events.log, { throttleMs }),
    ({ events: lines }) => messages(lines.value),
  )
  const push = async (message: string) => {
    await fake.push('log', { message })
    draw()
    await nextTick()
  }
  for (const message of ['a', 'b', 'c']) await push(message)
  expect(text()).toBe('a')
  fake.clock.advance(500)
  draw()
  await nextTick()
  expect(text()).toBe('abc')
  await push('d')
  throttleMs.value = 0
  draw()
  await nextTick()
  expect(text()).toBe('abcd')
  throttleMs.value = 500
  await push('e')
  unmount()
  await nextTick()
  expect([fake.clock.timers, due.size]).toEqual([0, 0])
})

it('channel selects the events of one channel, and starts over when it changes', async () => {
  const channel = shallowRef('job:1')
  const { fake, text } = await mount(
    () => useServerEvents(events.log, { channel, replay: true }),
    ({ events: lines }) => messages(lines.value),
  )
  await fake.push('log', { message: 'one' }, { channel: 'job:1' })
  await fake.push('log', { message: 'two' }, { channel: 'job:2' })
  await pushLines(fake, 'plain')
  expect(text()).toBe('one')
  channel.value = 'job:2'
  await nextTick()
  expect(text()).toBe('two')
})

it('components that ask for the same share one fold', async () => {
  const fake = createFake()
  const length = shallowRef(10)
  let folded = 0
  const reduce = (total: number) => {
    folded++
    return total + 1
  }
  const Total = defineComponent(() => {
    const total = useEventReducer(events.log, reduce, 0, { replay: true })
    return () => h('i', `${total.value} `)
  })
  const { container } = render(() =>
    h(SSEProvider, { service: fake.service, bufferSize: 1 }, () =>
      Array.from({ length: length.value }, (_, key) => h(Total, { key })),
    ),
  )
  await fake.connect()
  await pushLines(fake, 'a', 'b', 'c')
  length.value = 12
  await nextTick()
  expect(container.textContent).toBe('3 '.repeat(12))
  await pushLines(fake, 'd')
  expect(container.textContent).toBe('4 '.repeat(12))
  expect(folded).toBe(4)
})

it('useGap calls the handler for each gap while mounted', async () => {
  const gaps: string[] = []
  const { fake, unmount } = await mount(() => useGap(({ reason, channel }) => gaps.push(`${reason} ${channel}`)))
  await fake.gap('lagged', 'news')
  unmount()
  await fake.gap('trimmed')
  expect(gaps).toEqual(['lagged news'])
})
