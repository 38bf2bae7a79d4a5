import { mockEventStream } from '@rivulet/testing/msw'
import { render, screen } from '@testing-library/vue'
import { setupServer } from 'msw/node'
import { expect, it, onTestFinished } from 'vitest'
import { defineComponent, h } from 'vue'
import { events } from '../test/harness.js'
import { SSEConnectionIndicator, SSEProvider, useServerEvents } from './index.js'

const Log = defineComponent(() => {
  const { events: lines } = useServerEvents(events.log)
  return () => h('output', lines.value.map(({ message }) => message).join(' '))
})

it('works as a whole against a server mocked by msw', async () => {
  const stream = mockEventStream('/events', events)
  const server = setupServer(stream.handler)
  server.listen({ onUnhandledRequest: 'error' })
  onTestFinished(() => server.close())
  const headers = { authorization: 'Bearer token' }
  render(() => h(SSEProvider, { url: '/events', events, headers }, () => [h(Log), h(SSEConnectionIndicator)]))
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
