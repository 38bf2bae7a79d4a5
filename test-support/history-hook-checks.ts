import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService, type EventStreamServiceOptions, HttpStatusError } from '@rivulet/client'
import { EventManager, type EventManagerOptions, type EventStreamOptions } from '@rivulet/server'
import { handleEventHistory, handleEventStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { type Events, events } from './fake-log.js'

/** The list of a component, and what it knows of its history. */
export interface ShownHistory {
  readonly messages: readonly string[]
  readonly hasOlder: boolean
  readonly loadingOlder: boolean
  readonly olderError: unknown
  readonly trimmed: boolean
}

export interface MountedHistory {
  view(): ShownHistory
  loadOlder(): Promise<void>
  /** Shows the list of another channel, or of all. */
  show(channel: string | undefined): void
  unmount(): void
}

/** Mounts a component with `useEventHistory(events.log, { limit, channel })` and a stream. */
export type MountHistory = (
  service: EventStreamService<Events>,
  options: { limit: number; channel?: string },
) => MountedHistory

/** Waits until a check of a mounted component passes. */
export type WaitUntil = (check: () => void) => Promise<unknown>

/** The checks of lists that load older events, on a server behind real sockets. */
export function checkHistory(mount: MountHistory, waitUntil: WaitUntil): void {
  const shows = (page: MountedHistory, messages: readonly string[], more: Partial<ShownHistory> = {}) =>
    waitUntil(() => expect(page.view()).toMatchObject({ messages, ...more }))
  const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`)

  it('loads older events before the others, up to the beginning, and keeps them when new ones come', async () => {
    const { stream, say } = await serve({ replay: 3 })
    for (const message of numbers(1, 10)) await say(message)
    const page = mount(stream(), { limit: 3 })
    await shows(page, numbers(8, 10), { hasOlder: true, loadingOlder: false })
    await page.loadOlder()
    await shows(page, numbers(4, 10), { hasOlder: true, loadingOlder: false, olderError: undefined })
    await say('11')
    await shows(page, numbers(4, 11))
    await page.loadOlder()
    await shows(page, numbers(1, 11), { hasOlder: false, trimmed: false })
    await page.loadOlder()
    for (const message of numbers(12, 14)) await say(message)
    await shows(page, numbers(1, 14), { hasOlder: false })
    // Only now, three more than there were after the last load, does the list drop the oldest, which it can load again.
    await say('15')
    await shows(page, numbers(2, 15), { hasOlder: true })
    await page.loadOlder()
    await shows(page, numbers(1, 15), { hasOlder: false })
  })

  it('begins with older events, and shows none twice', async () => {
    const { stream, say } = await serve({ replay: 'none' })
    for (const message of numbers(1, 5)) await say(message)
    const page = mount(stream(), { limit: 50 })
    await waitUntil(() => expect(page.view().hasOlder).toBe(true))
    const loads = [page.loadOlder(), page.loadOlder()]
    for (const message of numbers(6, 40)) await say(message)
    await Promise.all(loads)
    await waitUntil(() => expect(page.view().messages.at(-1)).toBe('40'))
    while (page.view().hasOlder) {
      await page.loadOlder()
      await waitUntil(() => expect(page.view().loadingOlder).toBe(false))
    }
    await shows(page, numbers(1, 40))
  })

  it('loads those of its channel, and begins anew with another one', async () => {
    const { stream, say } = await serve({ channels: ['a', 'b'], replay: 1 })
    for (const message of numbers(1, 6)) await say(message, Number(message) % 2 ? 'a' : 'b')
    const page = mount(stream(), { limit: 10, channel: 'a' })
    await shows(page, ['5'])
    await page.loadOlder()
    await shows(page, ['1', '3', '5'], { hasOlder: false })
    page.show('b')
    await shows(page, [], { hasOlder: true })
    await page.loadOlder()
    await shows(page, ['2', '4', '6'], { hasOlder: false })
    await say('7', 'a')
    await say('8', 'b')
    await shows(page, ['2', '4', '6', '8'])
  })

  it('drops an answer that comes after the channel has changed', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { stream, say, hold, requests } = await serve({ channels: ['a', 'b'], replay: 1 })
    for (const message of numbers(1, 4)) await say(message, Number(message) % 2 ? 'a' : 'b')
    const page = mount(stream(), { limit: 10, channel: 'a' })
    await shows(page, ['3'])
    hold(held)
    const loading = page.loadOlder()
    await waitUntil(() => expect(page.view().loadingOlder).toBe(true))
    await waitUntil(() => expect(requests).toHaveLength(1))
    page.show('b')
    await waitUntil(() =>
      expect(page.view()).toMatchObject({ loadingOlder: false, hasOlder: true, olderError: undefined }),
    )
    release()
    await loading
    await say('6', 'b')
    await shows(page, ['6'], { loadingOlder: false })
  })

  it('tells of a failure, and tries again when it is asked to', async () => {
    const { stream, say, refuse } = await serve({ replay: 1 })
    for (const message of numbers(1, 3)) await say(message)
    const page = mount(stream(), { limit: 10 })
    await shows(page, ['3'])
    refuse(true)
    await page.loadOlder()
    await shows(page, ['3'], { hasOlder: true, loadingOlder: false })
    expect(page.view().olderError).toBeInstanceOf(HttpStatusError)
    expect(page.view().olderError).toMatchObject({ status: 403 })
    refuse(false)
    await page.loadOlder()
    await shows(page, ['1', '2', '3'], { olderError: undefined })
  })

  it('sends the headers of the stream, and refreshes them once', async () => {
    let token = 'new'
    const authorize: Route['authorize'] = (request) => ({
      context: (request as { headers: { authorization?: string } }).headers.authorization === token ? 1 : undefined,
    })
    const { stream, say } = await serve({ replay: 1, authorize })
    for (const message of numbers(1, 3)) await say(message)
    let sent = 'new'
    const page = mount(
      stream({
        headers: () => ({ authorization: sent }),
        onUnauthorized: () => {
          sent = token
        },
      }),
      { limit: 10 },
    )
    await shows(page, ['3'])
    token = 'newer'
    await page.loadOlder()
    await shows(page, ['1', '2', '3'], { olderError: undefined })
  })

  it('says that older events were dropped', async () => {
    const { stream, say } = await serve({ replay: 1 }, { retention: { maxEvents: 2 } })
    for (const message of numbers(1, 5)) await say(message)
    const page = mount(stream(), { limit: 10 })
    await shows(page, ['5'], { trimmed: false })
    await page.loadOlder()
    await shows(page, ['4', '5'], { hasOlder: false, trimmed: true })
  })

  it('ends its request when the component goes', async () => {
    const { stream, say, hold, requests, left } = await serve({ replay: 1 })
    for (const message of numbers(1, 2)) await say(message)
    const page = mount(stream(), { limit: 10 })
    await shows(page, ['2'])
    hold(new Promise(() => {}))
    const loading = page.loadOlder()
    await waitUntil(() => expect(requests).toHaveLength(1))
    page.unmount()
    await loading
    await waitUntil(() => expect(left()).toBe(1))
  })
}

type Route = EventStreamOptions<unknown, unknown, Events>

/** Serves a stream, and its history in pages of four events at most. */
async function serve(route: Route, options: Partial<EventManagerOptions<Events>> = {}) {
  const manager = new EventManager({ events, onError: () => {}, ...options })
  let held: Promise<void> | undefined
  let refused = false
  let left = 0
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Allow-Headers', '*, authorization')
    if (request.method === 'OPTIONS') return void response.end()
    if (!request.url!.startsWith('/events/history')) return handleEventStream(manager, request, response, route)
    requests.push(request.url!)
    response.on('close', () => left++)
    await held
    return handleEventHistory(manager, request, response, {
      ...route,
      maxEvents: 4,
      ...(refused && { authorize: () => false }),
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  onTestFinished(async () => {
    await manager.close()
    server.close()
    server.closeAllConnections()
  })
  return {
    requests,
    say: (message: string, channel = 'default') => manager.publish('log', { message }, { channel }),
    hold: (until: Promise<void>) => {
      held = until
    },
    refuse: (refuse: boolean) => {
      refused = refuse
    },
    left: () => left,
    stream: (more: Partial<EventStreamServiceOptions<Events>> = {}) => {
      const service = new EventStreamService({ url, events, credentials: 'omit', ...more })
      service.onError(() => {})
      onTestFinished(() => service.close())
      return service
    },
  }
}
