import type { ServerResponse } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { ConfigurationError, ConnectionError, ContentTypeError } from '../index.js'
import { EventHistory, type HistoryOption } from './event-history.js'
import type { FoldSource } from './fold-store.js'
import { FoldView } from './fold-view.js'
import { flushFrame } from './next-frame.js'
import { StreamBinding } from './stream-binding.js'

const h = useHarness()
const events = defineEvents({ log: z.object({ n: z.number() }), other: z.object({}) })
const log = (n: number) => ({ id: String(n), event: 'log', data: { n, timestamp: 1, source: 's' } })
const other = (n: number) => ({ id: String(n), event: 'other', data: { timestamp: 1, source: 's' } })

/** A list whose history answers in turn with these values, or with whatever a function writes. */
async function listOf(
  answers: readonly (object | ((response: ServerResponse) => void))[],
  {
    option = true,
    limit = 3,
    channel,
    url,
    channels,
  }: { option?: HistoryOption; limit?: number; channel?: string; url?: string; channels?: readonly string[] } = {},
) {
  const queries: string[] = []
  h.server.answer = ({ url = '' }, response) => {
    if (!url.includes('history')) return h.server.accept(response)
    const answer = answers[queries.push(url) - 1] ?? { events: [], hasOlder: false }
    if (typeof answer === 'function') return answer(response)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }
  const service = h.createStream({ events, ...(url && { url: h.server.url + url }), ...(channels && { channels }) })
  const errors = vi.fn()
  service.onError(errors)
  const binding = new StreamBinding(service, 0)
  const close = binding.open()
  const source: FoldSource = { definitions: [events.log], channel }
  const history = new EventHistory(limit, option)
  const view = new FoldView(binding, source, history)
  const stop = view.subscribe()
  const detach = history.attach(view)
  await h.server.open()
  const push = async (...numbers: number[]) => {
    const last = numbers.at(-1)
    const seen = new Promise<void>((resolve) => {
      const off = service.on(events.log, ({ n }) => {
        if (n !== last) return
        off()
        resolve()
      })
    })
    h.server.stream.write(numbers.map((n) => frame('log', { n }, String(n))).join(''))
    await seen
    flushFrame()
  }
  h.server.stream.write(openFrame())
  await vi.waitFor(() => expect(service.status).toBe('open'))
  const shown = () => {
    flushFrame()
    return (view.result as unknown as readonly { n: number }[]).map(({ n }) => n)
  }
  return { history, view, push, shown, queries, errors, close, stop, detach, service }
}

const json = (value: unknown) => (response: ServerResponse) =>
  void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

describe('the pages of a history', () => {
  it('are asked for with the stream’s query, its channels, and the event before which they are', async () => {
    const { history, push, shown, queries } = await listOf(
      [
        { events: [log(3), log(4)], hasOlder: true, before: '2' },
        { events: [log(1)], hasOlder: false },
      ],
      { url: '?tenant=7', channels: ['a', 'b'], option: { pageSize: 2 } },
    )
    await push(5)
    await history.loadOlder()
    await history.loadOlder()
    expect(shown()).toEqual([1, 3, 4, 5])
    expect(queries).toEqual([
      '/events/history?tenant=7&channel=a&channel=b&before=5&limit=2',
      '/events/history?tenant=7&channel=a&channel=b&before=2&limit=2',
    ])
  })

  it('name the channel of the list alone, at an address of their own', async () => {
    const { history, queries } = await listOf([], { channel: 'b', option: `${h.server.url}/old/history?channel=a&x=1` })
    await history.loadOlder()
    expect(queries).toEqual(['/events/old/history?x=1&channel=b'])
  })

  it('are read on while they have no event of the list, for ten pages at most', async () => {
    const pages = Array.from({ length: 12 }, (_, page) => ({
      events: [other(100 - page)],
      hasOlder: true,
      before: String(100 - page),
    }))
    const { history, view, queries } = await listOf(pages)
    await history.loadOlder()
    expect(queries).toHaveLength(10)
    expect(history.stateOf(view)).toMatchObject({ hasOlder: true, loadingOlder: false })
    await history.loadOlder()
    expect(queries[10]).toBe('/events/history?before=91')
  })

  it('lack events that do not fit, which go to onError', async () => {
    const wrong = { id: '2', event: 'log', data: { n: 'two' } }
    const { history, push, shown, view, errors } = await listOf([
      { events: [log(1), wrong, { id: '3', event: 'log', data: [] }, log(4)], hasOlder: false },
    ])
    await push(5)
    await history.loadOlder()
    expect(shown()).toEqual([1, 4, 5])
    expect((view.result[0] as { replayed?: true }).replayed).toBe(true)
    expect(errors.mock.calls.map(([error, { stage }]) => [error.code, stage])).toEqual(
      Array(2).fill(['RIVULET_EVENT_INVALID', 'event']),
    )
  })

  it.each([
    ['another content type', (response: ServerResponse) => void response.end('<!doctype html>'), ContentTypeError],
    [
      'no JSON',
      (response: ServerResponse) => void response.setHeader('content-type', 'application/json').end('{'),
      ConnectionError,
    ],
    ['something else', json({ items: [] }), ConfigurationError],
    ['events of another kind', json({ events: [1], hasOlder: true }), ConfigurationError],
    ['null', json(null), ConfigurationError],
    ['nothing', (response: ServerResponse) => void response.destroy(), ConnectionError],
  ])('that are %s are an error, after which another attempt is made', async (_, answer, type) => {
    const { history, view, push, shown } = await listOf([answer, { events: [log(1)], hasOlder: false }])
    await push(2)
    await history.loadOlder()
    expect(history.stateOf(view)).toMatchObject({ hasOlder: true, loadingOlder: false })
    expect(history.stateOf(view).olderError).toBeInstanceOf(type)
    await history.loadOlder()
    expect(shown()).toEqual([1, 2])
    expect(history.stateOf(view).olderError).toBe(undefined)
  })
})

describe('a list with a history', () => {
  it('drops nothing while a page is on its way, however many events come', async () => {
    let send = () => {}
    const { history, push, shown } = await listOf([
      (response) => {
        send = () => json({ events: [log(1), log(2)], hasOlder: false })(response)
      },
    ])
    await push(3, 4, 5, 6)
    expect(shown()).toEqual([4, 5, 6])
    await push(7)
    const loading = history.loadOlder()
    await vi.waitFor(() => expect(h.server.requests).toHaveLength(2))
    const more = Array.from({ length: 20 }, (_, index) => 8 + index)
    await push(...more)
    send()
    await loading
    // The page that was asked for ends before 5; this one says nothing of 3 and 4.
    expect(shown()).toEqual([1, 2, 5, 6, 7, ...more])
  })

  it('shows an event once that both a page and the stream bring, in order', async () => {
    let send = () => {}
    const { history, push, shown } = await listOf([
      (response) => {
        send = () => json({ events: [log(1), log(2), log(3), log(4)], hasOlder: false })(response)
      },
    ])
    const loading = history.loadOlder()
    await vi.waitFor(() => expect(h.server.requests).toHaveLength(2))
    await push(3)
    send()
    await loading
    await push(4, 5)
    expect(shown()).toEqual([1, 2, 3, 4, 5])
  })

  it('shows an event once that the stream brings after the page', async () => {
    const { history, push, shown } = await listOf([{ events: [log(1), log(2)], hasOlder: false }])
    await history.loadOlder()
    await push(2, 3)
    expect(shown()).toEqual([1, 2, 3])
  })

  it('begins anew with another address, and keeps what the stream brought', async () => {
    const { history, view, push, shown, queries } = await listOf([{ events: [log(1)], hasOlder: false }])
    await push(2)
    await history.loadOlder()
    history.use(3, `${h.server.url}/history?other`)
    expect(shown()).toEqual([2])
    expect(history.stateOf(view).hasOlder).toBe(true)
    await history.loadOlder()
    expect(queries.at(-1)).toBe('/events/history?other=&before=2')
  })

  it('loads while it does not listen, and goes on with what it has', async () => {
    const { history, push, shown, stop, view } = await listOf([{ events: [log(1)], hasOlder: false }])
    await push(2)
    stop()
    await history.loadOlder()
    expect(shown()).toEqual([1, 2])
    const again = view.subscribe()
    await push(3)
    expect(shown()).toEqual([1, 2, 3])
    again()
  })

  it('waits for the stream, if it has no event to begin at', async () => {
    const { history, view, service, shown } = await listOf([])
    h.server.drop()
    await vi.waitFor(() => expect(service.status).not.toBe('open'))
    h.server.answer = (_, response) => json({ events: [log(1)], hasOlder: false })(response)
    const loading = history.loadOlder()
    expect(history.stateOf(view).loadingOlder).toBe(true)
    // A request that was sent would be here before the last of these.
    for (let round = 0; round < 5; round++) await fetch(h.server.url)
    expect(h.server.requests.map(({ url }) => url)).not.toContain('/events/history')
    service.close()
    await loading
    expect(shown()).toEqual([1])
  })

  it('takes nothing from a page that is still being validated when the component goes', async () => {
    let validate: (() => void) | undefined
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          new Promise<{ value: unknown }>((resolve) => {
            validate = () => resolve({ value })
          }),
      },
    } as const
    const slow = { type: 'slow', schema } as const
    const service = h.createStream({ events: { slow } })
    h.server.answer = ({ url = '' }, response) => {
      if (!url.includes('history')) return h.server.accept(response)
      json({ events: [{ id: '1', event: 'slow', data: {} }], hasOlder: false })(response)
    }
    const binding = new StreamBinding(service, 0)
    binding.open()
    await vi.waitFor(() => expect(service.status).toBe('open'))
    const history = new EventHistory(3, true)
    const view = new FoldView(binding, { definitions: [slow] }, history)
    view.subscribe()
    const detach = history.attach(view)
    const loading = history.loadOlder()
    await vi.waitFor(() => expect(validate).toBeDefined())
    detach()
    validate?.()
    await loading
    flushFrame()
    expect(view.result).toEqual([])
    expect(history.stateOf(view)).toMatchObject({
      hasOlder: true,
      loadingOlder: false,
      olderError: undefined,
      trimmed: false,
    })
  })

  it('asks for nothing before it is attached, and refuses options that make no sense', async () => {
    await new EventHistory(1, true).loadOlder()
    expect(() => new EventHistory(1, { pageSize: 0 })).toThrow(ConfigurationError)
    expect(() => new EventHistory(1, { url: 1 as never })).toThrow(ConfigurationError)
  })
})
