import { mockEventStream } from '@rivulet/testing/msw'
import { render, screen } from '@testing-library/react'
import { setupServer } from 'msw/node'
import { expect, it, onTestFinished } from 'vitest'
import { events } from '../test/harness.js'
import { SSEConnectionIndicator, SSEProvider, useServerEvents } from './index.js'

function Log() {
  const { events: lines } = useServerEvents(events.log)
  return <output>{lines.map(({ message }) => message).join(' ')}</output>
}

it('works as a whole against a server mocked by msw', async () => {
  const stream = mockEventStream('/events', events)
  const server = setupServer(stream.handler)
  server.listen({ onUnhandledRequest: 'error' })
  onTestFinished(() => server.close())
  render(
    <SSEProvider url="/events" events={events} headers={{ authorization: 'Bearer token' }}>
      <Log />
      <SSEConnectionIndicator />
    </SSEProvider>,
  )
  await screen.findByText('Connected')
  expect(stream.requests.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer token'])
  await stream.push('log', { message: 'a' })
  await screen.findByText('a')
  stream.drop()
  await screen.findByText('Reconnecting')
  await stream.push('log', { message: 'b' })
  screen.getByRole('button', { name: 'Retry' }).click()
  await screen.findByText('a b')
  await screen.findByText('Connected')
})
