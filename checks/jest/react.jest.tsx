import { test } from '@jest/globals'
import { SSEConnectionIndicator, SSEProvider, useServerEvents } from '@rivulet/react'
import { FakeStream } from '@rivulet/testing'
import { act, render, screen } from '@testing-library/react'
import { events } from './events'

function Log() {
  return <p>{useServerEvents(events.log).latest?.message ?? 'nothing yet'}</p>
}

test('shows events as they arrive', async () => {
  const fake = new FakeStream(events)
  const { unmount } = render(
    <SSEProvider service={fake.service}>
      <Log />
      <SSEConnectionIndicator />
    </SSEProvider>,
  )
  await act(() => fake.connect())
  screen.getByText('Connected')
  await act(() => fake.push(events.log, { message: 'hello' }))
  await screen.findByText('hello')
  await act(() => fake.drop())
  screen.getByText('Reconnecting')
  await act(() => fake.push(events.log, { message: 'missed' }))
  await act(() => fake.retry())
  await screen.findByText('missed')
  unmount()
})

test('an app with an unreachable server renders, and says so', async () => {
  const fetch = () => Promise.reject(new TypeError('Failed to fetch'))
  const { unmount } = render(
    <SSEProvider url="http://fake.test/events" events={events} fetch={fetch}>
      <Log />
      <SSEConnectionIndicator />
    </SSEProvider>,
  )
  await screen.findByText('Reconnecting')
  screen.getByText('nothing yet')
  unmount()
})

test('an app that fetches what the environment has no fetch for renders', async () => {
  const { unmount } = render(
    <SSEProvider url="http://127.0.0.1:1/events" events={events}>
      <Log />
      <SSEConnectionIndicator />
    </SSEProvider>,
  )
  await screen.findByText('Reconnecting')
  unmount()
})
