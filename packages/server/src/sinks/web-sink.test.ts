import { getEventListeners } from 'node:events'
import { expect, it, onTestFinished, vi } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { type Events, events } from '../../test/served.js'
import { SimulatedClock } from '../../test/simulation.js'
import { EventManager, type EventManagerOptions } from '../event-manager.js'
import { eventStreamResponse } from '../web.js'

function createManager(options: Partial<EventManagerOptions<Events>> = {}) {
  const clock = new SimulatedClock(randomFrom(1))
  const manager = new EventManager({ events, clock, heartbeat: false, ...options })
  onTestFinished(() => {
    const closed = manager.close()
    clock.advance(2_000)
    return closed
  })
  return { manager, clock }
}

const open = (manager: EventManager<Events>, init?: RequestInit) =>
  eventStreamResponse(manager, new Request('http://localhost/', init))

it('is cut when nobody reads or cancels its response', async () => {
  const { manager, clock } = createManager({ limits: { maxConnections: 1, stallTimeoutMs: 8_000 } })
  const { body } = await open(manager)
  expect((await open(manager)).status).toBe(503)
  clock.turn()
  clock.advance(9_000)
  expect(manager.stats()).toMatchObject({ connections: 0, stalled: 1 })
  await expect(body!.getReader().read()).rejects.toThrow('cut off')
  expect((await open(manager)).status).toBe(200)
})

it('does not hold up the manager when nobody reads its response', async () => {
  const { manager } = createManager()
  const { body } = await open(manager)
  await manager.close()
  expect(await new Response(body).text()).toContain('rivulet:close')
})

it('is forgotten when its response is cancelled', async () => {
  const { manager } = createManager()
  const { body } = await open(manager)
  expect(manager.connections.size).toBe(1)
  await body!.cancel()
  expect(manager.connections.size).toBe(0)
})

it('leaves no listener on a signal that outlasts the request', async () => {
  const { manager } = createManager({ limits: { maxConnections: 1 } })
  const { signal } = new AbortController()
  const request = { method: 'GET', signal, headers: new Headers(), url: 'http://localhost/' } as Request
  const { body } = await eventStreamResponse(manager, request)
  expect((await eventStreamResponse(manager, request)).status).toBe(503)
  await body!.cancel()
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

it('is not opened if the request is aborted during authorize', async () => {
  const { manager } = createManager()
  const abort = new AbortController()
  let letIn = (_: boolean) => {}
  const response = eventStreamResponse(manager, new Request('http://localhost/', { signal: abort.signal }), {
    authorize: () =>
      new Promise<boolean>((resolve) => {
        letIn = resolve
      }),
  })
  await vi.waitFor(() => expect(manager.stats().opened).toBe(0))
  abort.abort()
  expect((await response).status).toBe(499)
  letIn(true)
  await new Promise((resolve) => setImmediate(resolve))
  expect(manager.stats()).toMatchObject({ connections: 0, opened: 0 })
})
