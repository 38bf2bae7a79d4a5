import { render, screen } from '@testing-library/vue'
import { expect, it } from 'vitest'
import { defineComponent, h, nextTick, reactive } from 'vue'
import { createFake, events, frame } from '../test/harness.js'
import { SSEProvider, useConnectionStatus, useEventReducer, useServerEvent, useServerEvents } from './index.js'

const handled: string[] = []

const Job = defineComponent(
  ({ name }: { name: string }) => {
    const { events: lines } = useServerEvents(events.log)
    const count = useEventReducer(events.log, (total, { channel }) => total + Number(channel === name), 0)
    const handle = ({ channel, message }: { channel?: string; message: string }) => {
      if (channel === name) handled.push(`${name}:${message}`)
    }
    useServerEvent(events.log, handle, { live: true })
    const own = () => lines.value.filter(({ channel }) => channel === name)
    return () => {
      const text = own().map(({ message }) => message)
      return h('li', { 'data-testid': name }, `${text.join('')} ${count.value}`)
    }
  },
  { props: ['name'] },
)

const Status = defineComponent(() => {
  const { status } = useConnectionStatus()
  return () => h('i', status.value)
})

it('jobs that come and go keep their events, on one connection, even if the list is changed in place', async () => {
  const fake = createFake()
  const jobs = reactive(['a', 'b'])
  const { fetch, clock } = fake
  render(() =>
    h(SSEProvider, { url: 'http://fake.test/events', events, fetch, clock, channels: jobs }, () => [
      h(Status),
      jobs.map((name) => h(Job, { key: name, name })),
    ]),
  )
  await screen.findByText('open')
  const push = (message: string, channel: string) => fake.push('log', { message }, { channel })
  const text = (name: string) => screen.getByTestId(name).textContent
  await push('1', 'a')
  await push('1', 'b')
  await push('1', 'c')
  jobs.splice(0, 1, 'c')
  await Promise.all([push('2', 'b'), push('3', 'b'), nextTick()])
  await expect.poll(() => fake.requests.length).toBe(2)
  await push('2', 'c')
  await frame()
  expect([text('b'), text('c')]).toEqual(['123 3', '12 2'])
  jobs.push('a')
  await expect.poll(() => fake.requests.length).toBe(3)
  await push('2', 'a')
  await push('4', 'b')
  await frame()
  expect([text('a'), text('b'), text('c')]).toEqual(['12 2', '1234 4', '12 2'])
  expect(handled).toEqual(['a:1', 'b:1', 'b:2', 'b:3', 'c:2', 'a:2', 'b:4'])
  expect(fake.connections).toBe(1)
})
