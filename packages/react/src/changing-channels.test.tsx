import { act, render, screen } from '@testing-library/react'
import { StrictMode } from 'react'
import { expect, it } from 'vitest'
import { createFake, events, frame } from '../test/harness.js'
import { SSEProvider, useConnectionStatus, useEventReducer, useServerEvent, useServerEvents } from './index.js'

/** The events that each job has shown, render by render. */
type Shown = Map<string, string[]>

function Job({ name, shown, handled }: { name: string; shown: Shown; handled: string[] }) {
  const lines = useServerEvents(events.log).events.filter(({ channel }) => channel === name)
  const count = useEventReducer(events.log, (total, { channel }) => total + Number(channel === name), 0)
  const handle = ({ channel, message }: { channel?: string; message: string }) => {
    if (channel === name) handled.push(`${name}:${message}`)
  }
  useServerEvent(events.log, handle, { live: true })
  const text = lines.map(({ message }) => message).join('')
  const renders = shown.get(name) ?? []
  if (renders.at(-1) !== text) shown.set(name, [...renders, text])
  return <li data-testid={name}>{`${text} ${count}`}</li>
}

function Status() {
  return <i>{useConnectionStatus().status}</i>
}

it('jobs that come and go keep their events, on one connection', async () => {
  const fake = createFake()
  const shown: Shown = new Map()
  const handled: string[] = []
  const page = (jobs: readonly string[]) => (
    <StrictMode>
      <SSEProvider url="http://fake.test/events" events={events} fetch={fake.fetch} clock={fake.clock} channels={jobs}>
        <Status />
        {jobs.map((name) => (
          <Job key={name} name={name} shown={shown} handled={handled} />
        ))}
      </SSEProvider>
    </StrictMode>
  )
  const { rerender } = render(page(['a', 'b']))
  await screen.findByText('open')
  const push = (message: string, channel: string) => act(() => fake.push('log', { message }, { channel }))
  const text = (name: string) => screen.getByTestId(name).textContent
  await push('1', 'a')
  await push('1', 'b')
  await push('1', 'c')
  rerender(page(['a', 'b']))
  // Events come while the channels change.
  await act(async () => {
    rerender(page(['c', 'b']))
    await Promise.all(['2', '3'].map((message) => fake.push('log', { message }, { channel: 'b' })))
  })
  await push('2', 'c')
  await push('4', 'b')
  await frame()
  expect([text('b'), text('c')]).toEqual(['1234 4', '12 2'])
  rerender(page(['a', 'b', 'c']))
  await push('5', 'b')
  await push('2', 'a')
  await frame()
  expect([text('a'), text('b'), text('c')]).toEqual(['12 2', '12345 5', '12 2'])
  // What was shown only grew, except that a job that came back began again.
  for (const name of ['b', 'c']) {
    const renders = shown.get(name)!
    for (const [index, now] of renders.entries()) expect(now.startsWith(renders[index - 1] ?? '')).toBe(true)
  }
  // The history of a job is none of its news.
  expect(handled).toEqual(['a:1', 'b:1', 'b:2', 'b:3', 'c:2', 'b:4', 'b:5', 'a:2'])
  expect(fake.connections).toBe(1)
  expect(fake.requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'POST'])
})
