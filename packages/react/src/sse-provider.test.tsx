import { act, render, screen, waitFor } from '@testing-library/react'
import { StrictMode } from 'react'
import { describe, expect, it } from 'vitest'
import { SSEProvider, useServerEvents } from './index.js'
import { startServer } from './real-server.test.util.js'
import { events } from './testing.test.util.js'

function Lines() {
  const { events: lines, status } = useServerEvents(events.log)
  return (
    <>
      <p>{status}</p>
      <p data-testid="lines">{lines.map(({ message }) => message).join(' ')}</p>
    </>
  )
}

describe('SSEProvider, at a real server', () => {
  it('makes one connection in StrictMode, shows what is published, and closes it when it unmounts', async () => {
    const { manager, url, requests } = await startServer(events)
    const { unmount } = render(
      <StrictMode>
        <SSEProvider url={url} events={events}>
          <Lines />
        </SSEProvider>
      </StrictMode>,
    )
    await screen.findByText('open')
    await act(() => manager.publish('log', { message: 'hello' }))
    await waitFor(() => expect(screen.getByTestId('lines').textContent).toBe('hello'))
    expect(requests).toHaveLength(1)
    expect(manager.connections.size).toBe(1)
    unmount()
    await waitFor(() => expect(manager.connections.size).toBe(0))
    expect(requests).toHaveLength(1)
  })
})
