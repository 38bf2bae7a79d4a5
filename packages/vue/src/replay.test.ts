import { render } from '@testing-library/vue'
import { expect, it, vi } from 'vitest'
import { defineComponent, h, nextTick, onBeforeMount, Suspense, shallowRef } from 'vue'
import { createFake, events, frame, pushLines } from '../test/harness.js'
import { SSEProvider, useEventReducer, useServerEvent, useServerEvents } from './index.js'

async function mountLate(replay: boolean | undefined, bufferSize?: number) {
  const fake = createFake()
  const shown = shallowRef(false)
  const renders: string[] = []
  const Late = defineComponent(() => {
    const { events: all } = useServerEvents([events.progress, events.log], { replay })
    const count = useEventReducer(events.log, (total) => total + 1, 0, { replay })
    return () => {
      const texts = all.value.map((event) => (event.type === 'log' ? event.message : event.percent))
      renders.push(`${texts.join(' ')} / ${count.value}`)
      return h('output', renders.at(-1))
    }
  })
  render(() => h(SSEProvider, { service: fake.service, bufferSize }, () => shown.value && h(Late)))
  await fake.connect()
  await pushLines(fake, 'a', 'b')
  await fake.push('progress', { percent: 7 })
  await pushLines(fake, 'c', 'd', 'e')
  shown.value = true
  await nextTick()
  return { fake, renders }
}

it('begins with earlier events, in order, at its first render', async () => {
  const { fake, renders } = await mountLate(true)
  expect(renders[0]).toBe('a b 7 c d e / 5')
  await pushLines(fake, 'f')
  expect(renders.at(-1)).toBe('a b 7 c d e f / 6')
})

it('limits kept events per type, so that a busy type does not displace others', async () => {
  const { renders } = await mountLate(true, 2)
  expect(renders[0]).toBe('7 d e / 2')
})

it('replays nothing unless asked to', async () => {
  const { fake, renders } = await mountLate(undefined)
  expect(renders.at(-1)).toBe(' / 0')
  await pushLines(fake, 'f')
  expect(renders.at(-1)).toBe('f / 1')
})

it('keeps nothing with a buffer of 0', async () => {
  const { renders } = await mountLate(true, 0)
  await frame()
  expect(renders.at(-1)).toBe(' / 0')
})

it('misses nothing between setup and mounting', async () => {
  const fake = createFake()
  let ready = () => {}
  const gate = new Promise<void>((resolve) => {
    ready = resolve
  })
  const Slow = defineComponent({
    async setup() {
      const { events: lines } = useServerEvents(events.log)
      await gate
      return () => h('p', lines.value.map(({ message }) => message).join(' '))
    },
  })
  const { container } = render(() =>
    h(SSEProvider, { service: fake.service }, () => h('div', [h(Suspense, null, { default: () => h(Slow) })])),
  )
  await fake.connect()
  await pushLines(fake, 'a')
  ready()
  await vi.waitFor(() => expect(container.textContent).toBe('a'))
  await pushLines(fake, 'b')
  expect(container.textContent).toBe('a b')
})

it('begins with the types at the time of mounting', async () => {
  const fake = createFake()
  const shown = shallowRef(false)
  const seen: string[] = []
  const Late = defineComponent(() => {
    const definition = shallowRef<typeof events.log | typeof events.progress>(events.log)
    const { events: all } = useServerEvents(definition, { replay: true })
    onBeforeMount(() => {
      definition.value = events.progress
    })
    return () => {
      seen.push(all.value.map(({ type }) => type).join(' '))
    }
  })
  render(() => h(SSEProvider, { service: fake.service }, () => shown.value && h(Late)))
  await fake.connect()
  await pushLines(fake, 'a')
  await fake.push('progress', { percent: 1 })
  await frame()
  shown.value = true
  await nextTick()
  expect(seen.at(-1)).toBe('progress')
})

it('replays nothing to a component that was mounted because of an event', async () => {
  const fake = createFake()
  const seen: string[] = []
  const Late = defineComponent(() => {
    const { events: lines } = useServerEvents(events.log)
    return () => {
      seen.push(lines.value.map(({ message }) => message).join(' '))
    }
  })
  const Opener = defineComponent(() => {
    const open = shallowRef(false)
    useServerEvent(events.progress, () => {
      open.value = true
    })
    return () => open.value && h(Late)
  })
  render(() => h(SSEProvider, { service: fake.service }, () => h(Opener)))
  await fake.connect()
  await Promise.all(Array.from({ length: 50 }, (_, n) => fake.push('log', { message: `${n}` })))
  await fake.push('progress', { percent: 1 })
  await nextTick()
  await frame()
  expect(seen).toEqual([''])
  await pushLines(fake, 'new')
  expect(seen).toEqual(['', 'new'])
})

it.each(['new', 'replayed'])(
  'skips an event that makes the reducer throw and is %s, and tells the stream once',
  async (how) => {
    const fake = createFake()
    const errors: unknown[] = []
    fake.service.onError((error) => errors.push(error))
    const shown = shallowRef(how === 'new')
    const Text = defineComponent(() => {
      const reduce = (text: string, { message }: { message: string }) => {
        if (message === 'bad') throw new Error(`at ${text}`)
        return text + message
      }
      const text = useEventReducer(events.log, reduce, '', { replay: true })
      return () => text.value
    })
    const { container } = render(() =>
      h(SSEProvider, { service: fake.service }, () => h('p', [shown.value && h(Text)])),
    )
    await fake.connect()
    await pushLines(fake, 'a', 'bad', 'b')
    shown.value = true
    await nextTick()
    expect(container.textContent).toBe('ab')
    expect(errors).toMatchObject([{ message: 'at a' }])
  },
)
