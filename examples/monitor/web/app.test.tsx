// @vitest-environment jsdom
import { EventStreamService } from '@rivulet/client'
import { encodeControlEvent, encodeMessage } from '@rivulet/core'
import { SSEProvider } from '@rivulet/react'
import { cleanup, configure, render, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { events } from '../shared/events.js'
import { App } from './app.js'
import { idAt } from './testing.js'

// jsdom has no canvas.
vi.mock('./metrics/metric-chart.js', () => ({ MetricChart: () => null }))

/** Adds what jsdom lacks for a list that draws only visible rows: a size, and scrolling. */
beforeEach(() => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(800)
  vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }))
})
afterEach(cleanup)
configure({ asyncUtilTimeout: 10_000 })

/** A server with one connection at a time, whose streams the test writes. */
function setup() {
  const cursors: (string | null)[] = []
  let connection: ReadableStreamDefaultController<Uint8Array> | undefined
  const answer: typeof fetch = async (_input, init) => {
    cursors.push(new Headers(init?.headers).get('last-event-id'))
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        connection = controller
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  const send = (text: string): void => connection!.enqueue(new TextEncoder().encode(text))
  const service = new EventStreamService({
    url: 'http://monitor.test/',
    events,
    fetch: answer,
    retry: { initialMs: 250 },
  })
  render(
    <SSEProvider service={service}>
      <App />
    </SSEProvider>,
  )
  return {
    cursors,
    send,
    drop: () => connection!.error(new TypeError('network')),
    connected: (times: number) => waitFor(() => expect(cursors).toHaveLength(times), { timeout: 10_000 }),
    open: (recovered: boolean | null) =>
      send(encodeControlEvent({ type: 'rivulet:open', connectionId: 'c', heartbeatMs: 0, recovered, replayed: 0 })),
    log: (position: number, message: string, level = 'info') => {
      const data = JSON.stringify({ level, message, timestamp: position * 1_000, source: 'test' })
      send(encodeMessage({ id: idAt(position), event: 'log', data }))
    },
  }
}

const shown = () => within(screen.getByRole('listbox')).queryAllByRole('option')
const texts = () => shown().map((row) => row.lastElementChild!.textContent)

it('shows lines as they arrive, each with its id', async () => {
  const server = setup()
  await server.connected(1)
  server.open(null)
  server.log(1, 'first')
  server.log(2, 'second', 'error')
  await waitFor(() => expect(texts()).toEqual(['first', 'second']))
  const rows = screen.getAllByTestId('log-row')
  expect(rows.map((row) => row.dataset.eventId)).toEqual([idAt(1), idAt(2)])
  expect(screen.getByRole('button', { name: 'error 1' })).toBeTruthy()
})

it('shows an outage at its place, the missed lines once, and that nothing else is missing', async () => {
  const server = setup()
  await server.connected(1)
  server.open(null)
  server.log(1, 'before')
  await waitFor(() => expect(texts()).toEqual(['before']))
  server.drop()
  await waitFor(() => expect(texts()[1]).toMatch(/^Connection lost at/))
  await server.connected(2)
  expect(server.cursors).toEqual([null, idAt(1)])
  server.open(true)
  server.log(1, 'before')
  server.log(2, 'missed')
  server.log(3, 'live')
  await waitFor(() => expect(texts()).toHaveLength(4))
  expect(texts()).toEqual([
    'before',
    expect.stringMatching(/^Reconnected after .*Nothing was missed\.$/),
    'missed',
    'live',
  ])
})

it('shows that the server restarted, and its lines since then', async () => {
  const server = setup()
  await server.connected(1)
  server.open(null)
  server.log(1, 'before')
  await waitFor(() => expect(texts()).toEqual(['before']))
  server.drop()
  await server.connected(2)
  server.open(false)
  for (const channel of ['log', 'system', 'metrics']) {
    server.send(encodeControlEvent({ type: 'rivulet:gap', channel, reason: 'restarted' }))
  }
  server.log(5, 'started anew')
  server.log(6, 'second')
  await waitFor(() => expect(texts()).toHaveLength(4))
  expect(texts()).toEqual([
    'before',
    expect.stringMatching(/^Reconnected after .*The server restarted/),
    'started anew',
    'second',
  ])
  expect(screen.getByText('Gap')).toBeTruthy()
})
