import { defineEvents } from '@rivulet/core'
import { act, render, screen, waitFor } from '@testing-library/react'
import { StrictMode, useEffect } from 'react'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { startServer } from '../../../test-support/real-server.js'
import { createFake, events, opened } from '../test/harness.js'
import { SSEConnectionIndicator, SSEProvider, useEventStream, useServerEvents } from './index.js'

function Lines() {
  const { events: lines, status } = useServerEvents(events.log)
  return (
    <>
      <p>{status}</p>
      <p data-testid="lines">{lines.map(({ message }) => message).join(' ')}</p>
    </>
  )
}

function Errors({ onError }: { onError: (error: unknown) => void }) {
  const stream = useEventStream()
  useEffect(() => stream.onError(onError), [stream, onError])
  return null
}

function Loop() {
  const stream = useEventStream()
  // Runs before the effect of the provider, so the loop connects the stream.
  useEffect(() => {
    const loop = stream.events()
    void loop.next()
    return () => void loop.return()
  }, [stream])
  return null
}

const shown = (text: string) => waitFor(() => expect(screen.getByTestId('lines').textContent).toBe(text))

describe('at a real server', () => {
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
    await shown('hello')
    expect(requests).toHaveLength(1)
    expect(manager.connections.size).toBe(1)
    unmount()
    await waitFor(() => expect(manager.connections.size).toBe(0))
    expect(requests).toHaveLength(1)
  })

  it('keeps its connection over renders with inline options', async () => {
    const { manager, url, requests } = await startServer(events)
    const page = () => (
      <SSEProvider
        url={new URL(url)}
        events={events}
        headers={{ authorization: 'a' }}
        retry={{ initialMs: 10 }}
        fetch={(...values) => fetch(...values)}
      >
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page())
    await screen.findByText('open')
    for (let n = 0; n < 10; n++) rerender(page())
    await act(() => manager.publish('log', { message: 'still here' }))
    await shown('still here')
    expect(requests).toHaveLength(1)
  })

  it('opens one new connection for another URL, and closes the old one', async () => {
    const { manager, url, requests } = await startServer(events)
    const page = (room: number) => (
      <StrictMode>
        <SSEProvider url={`${url}?room=${room}`} events={events}>
          <Lines />
        </SSEProvider>
      </StrictMode>
    )
    const { rerender } = render(page(1))
    await screen.findByText('open')
    await act(() => manager.publish('log', { message: 'one' }))
    await shown('one')
    rerender(page(2))
    expect(screen.getByTestId('lines').textContent).toBe('')
    await screen.findByText('open')
    await waitFor(() => expect(manager.connections.size).toBe(1))
    expect(requests.map(({ search }) => search)).toEqual(['?room=1', '?room=2'])
  })

  it('reconnects once with other headers, and resumes', async () => {
    const { manager, url, requests, authorizations } = await startServer(events)
    const page = (authorization: string) => (
      <SSEProvider url={url} events={events} headers={{ authorization }}>
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page('old'))
    await screen.findByText('open')
    await act(() => manager.publish('log', { message: 'one' }))
    await shown('one')
    rerender(page('new'))
    // In the time without a connection.
    await act(() => manager.publish('log', { message: 'two' }))
    await shown('one two')
    rerender(page('new'))
    expect(authorizations).toEqual(['old', 'new'])
    expect(requests).toHaveLength(2)
    await waitFor(() => expect(manager.connections.size).toBe(1))
  })

  it.each([
    [{ method: 'POST' }, { method: 'PUT' }],
    [
      { method: 'POST', body: 'a' },
      { method: 'POST', body: 'b' },
    ],
    [{ retry: { initialMs: 10 } }, { retry: { initialMs: 20 } }],
    [{ heartbeatMarginMs: 10 }, {}],
  ])('makes one new connection if %o becomes %o', async (before, after) => {
    const { manager, url, requests } = await startServer(events)
    const page = (options: object) => (
      <SSEProvider url={url} events={events} {...options}>
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page(before))
    await screen.findByText('open')
    rerender(page(after))
    await waitFor(() => expect(requests).toHaveLength(2))
    await screen.findByText('open')
    rerender(page({ ...after }))
    await waitFor(() => expect(manager.connections.size).toBe(1))
    expect(requests).toHaveLength(2)
  })

  it('gives sibling providers a stream each, and closes those that unmount', async () => {
    const { manager, url, requests } = await startServer(events)
    const page = (...rooms: number[]) =>
      rooms.map((room) => (
        <SSEProvider key={room} url={`${url}?room=${room}`} events={events}>
          <SSEConnectionIndicator />
        </SSEProvider>
      ))
    const { rerender } = render(page(1, 2, 3))
    await waitFor(() => expect(screen.getAllByText('Connected')).toHaveLength(3))
    expect(manager.connections.size).toBe(3)
    rerender(page(3, 1))
    await waitFor(() => expect(manager.connections.size).toBe(2))
    expect(screen.getAllByText('Connected')).toHaveLength(2)
    expect(requests.map(({ search }) => search)).toEqual(['?room=1', '?room=2', '?room=3'])
  })

  it('gives nested providers a stream each, and components the nearest one', async () => {
    const outer = await startServer(events)
    const inner = await startServer(events)
    render(
      <SSEProvider url={outer.url} events={events}>
        <SSEProvider url={inner.url} events={events}>
          <Lines />
        </SSEProvider>
      </SSEProvider>,
    )
    await screen.findByText('open')
    await waitFor(() => expect(outer.manager.connections.size).toBe(1))
    await act(() => outer.manager.publish('log', { message: 'outer' }))
    await act(() => inner.manager.publish('log', { message: 'inner' }))
    await shown('inner')
  })
})

describe('on a given stream', () => {
  it('connects with the first of several providers and closes with the last', async () => {
    const fake = createFake()
    const page = (...keys: string[]) => keys.map((key) => <SSEProvider key={key} service={fake.service} />)
    const { rerender } = render(page('a', 'b'))
    await opened(fake)
    rerender(page('b'))
    await act(async () => {})
    expect(fake.service.status).toBe('open')
    // Unmounting and mounting in one go keeps the connection.
    rerender(page('c'))
    await act(async () => {})
    expect(fake.service.status).toBe('open')
    rerender(page())
    await act(async () => {})
    expect(fake.service.status).toBe('closed')
    expect(fake.requests).toHaveLength(1)
  })

  it('leaves an already open stream open', async () => {
    const fake = createFake()
    await opened(fake)
    render(<SSEProvider service={fake.service} />).unmount()
    await act(async () => {})
    expect(fake.service.status).toBe('open')
  })
})

it('stays connected when a component that loops over the events goes, and closes when it unmounts itself', async () => {
  const fake = createFake()
  const page = (loops: boolean) => (
    <SSEProvider service={fake.service}>
      {loops && <Loop />}
      <Lines />
    </SSEProvider>
  )
  const { rerender, unmount } = render(page(true))
  await screen.findByText('open')
  rerender(page(false))
  await act(() => fake.push('log', { message: 'later' }))
  await shown('later')
  unmount()
  await waitFor(() => expect(fake.service.status).toBe('closed'))
})

describe('with options', () => {
  it('leaves one connection and no timer if the URL changes while a retry is pending', async () => {
    const fake = createFake()
    const page = (room: number) => (
      <SSEProvider url={`http://fake.test/${room}`} events={events} fetch={fake.fetch} clock={fake.clock}>
        <Lines />
      </SSEProvider>
    )
    const { rerender, unmount } = render(page(1))
    await screen.findByText('open')
    act(() => void fake.drop())
    await screen.findByText('waiting')
    rerender(page(2))
    await screen.findByText('open')
    fake.clock.advance(60_000)
    await act(async () => {})
    expect(fake.requests.map(({ url }) => url)).toEqual(['http://fake.test/1', 'http://fake.test/2'])
    expect(fake.connections).toBe(1)
    unmount()
    await waitFor(() => expect(fake.connections).toBe(0))
    expect(fake.clock.timers).toBe(0)
  })

  it('calls the functions of the latest render', async () => {
    const fake = createFake()
    const page = (token: string) => (
      <SSEProvider
        url={() => `http://fake.test/?${token}`}
        events={events}
        headers={() => ({ token })}
        fetch={fake.fetch}
        clock={fake.clock}
      >
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page('a'))
    await screen.findByText('open')
    rerender(page('b'))
    expect(fake.requests).toHaveLength(1)
    act(() => void fake.drop())
    await screen.findByText('waiting')
    act(() => fake.clock.advance(10_000))
    await screen.findByText('open')
    expect(fake.requests.map(({ url, headers }) => [url, headers.get('token')])).toEqual([
      ['http://fake.test/?a', 'a'],
      ['http://fake.test/?b', 'b'],
    ])
  })

  it('treats a contract created in the component as the same, and validates by the latest one', async () => {
    const fake = createFake()
    const errors: unknown[] = []
    const page = (longest: number) => {
      const own = defineEvents({ log: z.object({ message: z.string().max(longest) }) })
      return (
        <SSEProvider url="http://fake.test/events" events={own} fetch={fake.fetch} clock={fake.clock}>
          <Errors onError={(error) => errors.push(error)} />
          <Lines />
        </SSEProvider>
      )
    }
    const { rerender } = render(page(3))
    await screen.findByText('open')
    for (let n = 0; n < 5; n++) rerender(page(3))
    await act(async () => {})
    expect(fake.requests).toHaveLength(1)
    await act(() => fake.push('log', { message: 'long' }))
    expect(errors).toMatchObject([{ code: 'RIVULET_EVENT_INVALID' }])
    rerender(page(4))
    await act(() => fake.push('log', { message: 'last' }))
    await shown('last')
    expect(errors).toHaveLength(1)
    expect(fake.requests).toHaveLength(1)
  })

  it('creates a new stream for a contract with other events', async () => {
    const fake = createFake()
    const page = (contract: typeof events) => (
      <SSEProvider url="http://fake.test/events" events={contract} fetch={fake.fetch} clock={fake.clock}>
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page(events))
    await screen.findByText('open')
    rerender(page({ ...events, more: events.log } as typeof events))
    await waitFor(() => expect(fake.requests).toHaveLength(2))
  })

  it('follows mutated headers', async () => {
    const fake = createFake()
    const headers = { token: 'a' }
    const page = (render: number) => (
      <SSEProvider url="http://fake.test/" events={events} headers={headers} fetch={fake.fetch} clock={fake.clock}>
        {render}
        <Lines />
      </SSEProvider>
    )
    const { rerender } = render(page(1))
    await screen.findByText('open')
    headers.token = 'b'
    rerender(page(2))
    await waitFor(() => expect(fake.requests.map(({ headers: sent }) => sent.get('token'))).toEqual(['a', 'b']))
  })
})
