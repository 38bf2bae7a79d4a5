import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { defineEvents, type EventContract, EventValidationError, UnknownEventError } from '@rivulet/core'
import { EventManager, type EventStreamOptions, MemoryBackplane } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { root } from '../test-support/root.js'

// Servers and pages that were built with different versions of a contract, and events that are older than both. The guide
// "Changing a contract" makes the same claims.

/** A server whose events outlive its deployments. New pages get all of them. */
async function startServer() {
  const backplane = new MemoryBackplane()
  let answer = (_request: unknown, _response: unknown): void => {}
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())

  /** Makes a manager of this contract answer from now on. */
  function deploy<Contract extends EventContract>(
    events: Contract,
    filter?: EventStreamOptions<unknown, undefined, Contract>['filter'],
  ): EventManager<Contract> {
    const manager = new EventManager({ events, backplane })
    onTestFinished(() => manager.close())
    answer = (request, response) =>
      void handleEventStream(manager, request as never, response as never, { replay: 1_000, filter })
    return manager
  }

  /** Opens a page that handles every event of its contract. */
  function open<Contract extends EventContract>(
    events: Contract,
    options: Partial<EventStreamServiceOptions<Contract>> = {},
  ) {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const stream = new EventStreamService<Contract>({ url, events, ...options })
    const received: unknown[] = []
    const errors: unknown[] = []
    for (const definition of Object.values<EventContract[string]>(events)) {
      stream.on(definition, (event) => received.push(event))
    }
    stream.onError((error, { stage }) => {
      if (stage === 'event') errors.push(error)
    })
    stream.connect()
    onTestFinished(() => stream.close())
    const has = ({ id }: { readonly id: string | undefined }) =>
      vi.waitFor(() => expect(stream.lastEventId).toBe(id), 20_000)
    return { stream, received, errors, has }
  }

  return { deploy, open }
}

const first = defineEvents({ task: z.object({ title: z.string() }) })

const rows: readonly {
  readonly change: string
  readonly before: z.ZodObject
  readonly after: z.ZodObject
  readonly newEvent: Record<string, unknown>
  readonly oldEvent: Record<string, unknown>
  /** What an old page does with the new event, and a new page with the old event. */
  readonly refused: readonly [byOldPage: boolean, byNewPage: boolean]
}[] = [
  {
    change: 'a new optional key, or one with a default',
    before: z.object({ title: z.string() }),
    after: z.object({ title: z.string(), note: z.string().optional(), priority: z.number().default(0) }),
    newEvent: { title: 'a', note: 'b', priority: 1 },
    oldEvent: { title: 'a' },
    refused: [false, false],
  },
  {
    change: 'a new required key',
    before: z.object({ title: z.string() }),
    after: z.object({ title: z.string(), priority: z.number() }),
    newEvent: { title: 'a', priority: 1 },
    oldEvent: { title: 'a' },
    refused: [false, true],
  },
  {
    change: 'a key becomes optional',
    before: z.object({ title: z.string() }),
    after: z.object({ title: z.string().optional() }),
    newEvent: {},
    oldEvent: { title: 'a' },
    refused: [true, false],
  },
  {
    change: 'a key is removed',
    before: z.object({ title: z.string(), note: z.string() }),
    after: z.object({ title: z.string() }),
    newEvent: { title: 'a' },
    oldEvent: { title: 'a', note: 'b' },
    refused: [true, false],
  },
  {
    change: 'one more value of an enum or a union',
    before: z.object({ state: z.enum(['open', 'done']) }),
    after: z.object({ state: z.enum(['open', 'done', 'dropped']) }),
    newEvent: { state: 'dropped' },
    oldEvent: { state: 'open' },
    refused: [true, false],
  },
  {
    change: 'one value less',
    before: z.object({ state: z.enum(['open', 'done', 'dropped']) }),
    after: z.object({ state: z.enum(['open', 'done']) }),
    newEvent: { state: 'open' },
    oldEvent: { state: 'dropped' },
    refused: [false, true],
  },
  {
    change: 'a key gets another type',
    before: z.object({ due: z.string() }),
    after: z.object({ due: z.number() }),
    newEvent: { due: 1 },
    oldEvent: { due: 'today' },
    refused: [true, true],
  },
]

describe('a change of a payload', () => {
  it.each(rows)('$change', async ({ before, after, newEvent, oldEvent, refused }) => {
    const { deploy, open } = await startServer()
    const old = await deploy(defineEvents({ task: before })).publish('task', oldEvent)
    const oldPage = open(defineEvents({ task: before }))
    await oldPage.has(old)
    const manager = deploy(defineEvents({ task: after }))
    const newPage = open(defineEvents({ task: after }))
    await newPage.has(old)
    expect(newPage.received).toHaveLength(refused[1] ? 0 : 1)
    expect(newPage.errors).toEqual(refused[1] ? [expect.any(EventValidationError)] : [])

    oldPage.stream.reconnect()
    await oldPage.has(await manager.publish('task', newEvent))
    expect(oldPage.received).toHaveLength(refused[0] ? 1 : 2)
    expect(oldPage.errors).toEqual(refused[0] ? [expect.any(EventValidationError)] : [])
  })

  it('has the same effects in the guide', () => {
    const guide = readFileSync(join(root, 'docs/guide/changing-contracts.md'), 'utf8')
    const cells = Array.from(guide.matchAll(/^\| (a .*|one .*) \| (.*) \| (.*) \|$/gm), ([, change, ...pages]) => [
      change,
      ...pages.map((cell) => cell.includes('**refused**')),
    ])
    expect(cells).toEqual(rows.map(({ change, refused }) => [change, ...refused]))
  })

  it('is no change to a page whose keys it does not concern, unless the schema is strict', async () => {
    const { deploy, open } = await startServer()
    const manager = deploy(defineEvents({ task: z.object({ title: z.string(), priority: z.number().optional() }) }))
    const page = open(first)
    const strict = open(defineEvents({ task: z.strictObject({ title: z.string() }) }))
    const last = await manager.publish('task', { title: 'a', priority: 1 })
    await page.has(last)
    await strict.has(last)
    expect(page.received).toEqual([expect.not.objectContaining({ priority: 1 })])
    expect([strict.received, strict.errors]).toEqual([[], [expect.any(EventValidationError)]])
  })
})

it('a page is told of an event that it does not know once, and only if it listens to all events', async () => {
  const { deploy, open } = await startServer()
  const manager = deploy(defineEvents({ task: z.object({ title: z.string() }), note: z.object({}) }))
  const byType = open(first)
  const all = open(first)
  const received: string[] = []
  all.stream.onAny(({ type }) => received.push(type))
  await manager.publish('note', {})
  await manager.publish('note', {})
  const last = await manager.publish('task', { title: 'a' })
  await byType.has(last)
  await all.has(last)
  expect([byType.received, byType.errors]).toMatchObject([[{ title: 'a' }], []])
  expect([received, all.errors]).toEqual([['task'], [expect.any(UnknownEventError)]])
})

describe('an event that a page refuses', () => {
  it('counts as received: it does not come again, and those behind it arrive', async () => {
    const { deploy, open } = await startServer()
    const manager = deploy(first)
    const page = open(defineEvents({ task: z.object({ title: z.string(), priority: z.number() }) }))
    await page.has(await manager.publish('task', { title: 'a' }))
    page.stream.reconnect()
    await vi.waitFor(() => expect(page.stream.state.recovered).toBe(true), 20_000)
    await page.has(await manager.publish('task', { title: 'b', priority: 1 } as { title: string }))
    expect(page.received).toMatchObject([{ title: 'b', priority: 1 }])
    expect(page.errors).toMatchObject([
      { code: 'RIVULET_EVENT_INVALID', type: 'task', issues: [{ path: ['priority'] }] },
    ])
  })

  it('reaches a page that does not validate, as it was published', async () => {
    const { deploy, open } = await startServer()
    const manager = deploy(first)
    const page = open(defineEvents({ task: z.object({ title: z.string(), priority: z.number().default(0) }) }), {
      validate: false,
    })
    await page.has(await manager.publish('task', { title: 'a' }))
    expect(page.received).toEqual([expect.not.objectContaining({ priority: 0 })])
    expect(page.errors).toEqual([])
  })
})

describe('an event that is older than the contract', () => {
  const withDefault = defineEvents({ task: z.object({ title: z.string(), priority: z.number().default(0) }) })

  it('comes to a filter as it was published, without the defaults of the new contract', async () => {
    const { deploy, open } = await startServer()
    const old = await deploy(first).publish('task', { title: 'a' })
    const seen: unknown[] = []
    const manager = deploy(withDefault, (event) => {
      seen.push(event.priority)
      return true
    })
    const page = open(withDefault)
    await page.has(old)
    await page.has(await manager.publish('task', { title: 'b' }))
    expect(seen).toEqual([undefined, undefined])
    expect(page.received).toMatchObject([
      { title: 'a', priority: 0 },
      { title: 'b', priority: 0 },
    ])
  })

  it('is still sent if the contract has lost it, and passed over by pages that do not know it', async () => {
    const { deploy, open } = await startServer()
    const before = deploy(defineEvents({ task: z.object({ title: z.string() }), note: z.object({ text: z.string() }) }))
    await before.publish('note', { text: 'old' })
    const manager = deploy(first)
    await expect(manager.publish('note' as 'task', { text: 'new' } as never)).rejects.toThrow(UnknownEventError)
    const last = await manager.publish('task', { title: 'a' })
    const old = open(defineEvents({ task: z.object({ title: z.string() }), note: z.object({ text: z.string() }) }))
    const page = open(first)
    await old.has(last)
    await page.has(last)
    expect(old.received).toMatchObject([{ text: 'old' }, { title: 'a' }])
    expect([page.received, page.errors]).toMatchObject([[{ title: 'a' }], []])
  })
})

it('a renamed event reaches pages of both versions once, while both are published', async () => {
  const { deploy, open } = await startServer()
  const renamed = defineEvents({ 'task-added': z.object({ title: z.string() }) })
  const manager = deploy({ ...first, ...renamed })
  const old = open(first)
  const page = open(renamed)
  await manager.publish('task', { title: 'a' })
  const last = await manager.publish('task-added', { title: 'a' })
  await old.has(last)
  await page.has(last)
  expect([old.received, old.errors]).toMatchObject([[{ type: 'task', title: 'a' }], []])
  expect([page.received, page.errors]).toMatchObject([[{ type: 'task-added', title: 'a' }], []])
})
