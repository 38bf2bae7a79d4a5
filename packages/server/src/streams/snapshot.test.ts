import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import type { Snapshot } from './stream-options.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})

const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

describe('snapshot', () => {
  const state = (total: number, cursor?: string): Snapshot<typeof events> => ({
    events: [{ type: 'state', payload: { total } }],
    cursor,
  })

  it('comes before the first event, followed by what was published meanwhile', async () => {
    const { manager, connect, calm } = createHarness({ events })
    await manager.publish('log', { message: 'before' })
    let answer = (_: Snapshot<typeof events>) => {}
    const snapshot = vi.fn(
      () =>
        new Promise<Snapshot<typeof events>>((resolve) => {
          answer = resolve
        }),
    )
    const client = await connect({ snapshot, replay: 10 })
    await manager.publish('log', { message: 'meanwhile' })
    await manager.publish('log', { message: 'live only' }, { retain: false })
    await calm()
    answer(state(1))
    await calm()
    await manager.publish('log', { message: 'after' })
    await calm()
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'state', 'log', 'log', 'log'])
    expect(texts(client.messages)).toEqual(['meanwhile', 'live only', 'after'])
    // A client that leaves with part of the snapshot has no cursor, and gets it again. With all of it, it resumes.
    expect(client.messages[0]!.lastEventId).toBe('')
    const again = await connect({ snapshot }, client.messages[1]!.lastEventId)
    expect(texts(again.messages)).toEqual(['meanwhile', 'after'])
    expect(snapshot).toHaveBeenCalledOnce()
  })

  it('may hold the state of several channels', async () => {
    const { connect } = createHarness({ events })
    const [first, second] = [1, 2].map((total) => ({ type: 'state' as const, payload: { total } }))
    const client = await connect({ snapshot: () => ({ events: [first!, { ...second!, channel: 'room' }] }) })
    expect(client.messages.slice(1).map(({ data }) => JSON.parse(data))).toMatchObject([
      expect.not.objectContaining({ channel: expect.anything() }),
      { total: 2, channel: 'room' },
    ])
    const unnamed = { ...first!, channel: '' }
    expect((await connect({ snapshot: () => ({ events: [unnamed] }) })).sink.status).toBe(500)
  })

  it('continues after its cursor', async () => {
    const { manager, connect } = createHarness({ events })
    await manager.publish('log', { message: '1' })
    const { id } = await manager.publish('log', { message: '2' })
    await manager.publish('log', { message: '3' })
    const client = await connect({ snapshot: () => state(2, id) })
    expect(texts(client.messages)).toEqual(['3'])
  })

  it('is sent only to clients that cannot resume', async () => {
    const { manager, connect } = createHarness({ events, retention: { maxEvents: 2 } })
    const ids: string[] = []
    for (const message of ['1', '2', '3', '4']) ids.push((await manager.publish('log', { message })).id!)
    const snapshot = vi.fn(() => state(4))
    const resumed = await connect({ snapshot }, ids[2])
    expect(resumed.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log'])
    expect(snapshot).not.toHaveBeenCalled()
    const lost = await connect({ snapshot }, ids[0])
    expect(lost.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'rivulet:gap', 'state'])
    expect(controlEventsOf(lost.messages)).toMatchObject([{ recovered: false, replayed: 0 }, { reason: 'trimmed' }])
  })

  it('tells of a gap on every channel that it begins anew, not just on the one that lacks events', async () => {
    const { manager, connect } = createHarness({ events, retention: { maxEvents: 2 } })
    const ids: string[] = []
    for (const [message, channel] of ['1a', '2b', '3a', '4a', '5a'].map((name) => [name, name[1]!] as const))
      ids.push((await manager.publish('log', { message }, { channel })).id!)
    const channels = ['a', 'b']
    const snapshot = () => ({ events: channels.map((channel) => ({ ...state(4).events[0]!, channel })) })
    // The log still has what the client lacks of b. It goes into the snapshot, like the events of a.
    const lost = await connect({ channels, snapshot }, ids[0])
    expect(lost.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'rivulet:gap', 'state', 'state'])
    expect(controlEventsOf(lost.messages)[1]).toEqual({ type: 'rivulet:gap', reason: 'trimmed' })
  })

  it('from before the cursor of the client makes the ids count from the start again', async () => {
    const { manager, connect, calm } = createHarness({ events, retention: { maxEvents: 2 } })
    const ids: string[] = []
    for (const message of ['1', '2', '3', '4', '5']) ids.push((await manager.publish('log', { message })).id!)
    const reasons = async (stateAt: number, lastEventId: string) => {
      const client = await connect({ snapshot: () => state(stateAt, ids[stateAt - 1]) }, lastEventId)
      await calm()
      return client.messages.flatMap(({ event, data }) => (event === 'rivulet:gap' ? [JSON.parse(data).reason] : []))
    }
    expect(await reasons(4, ids[1]!)).toEqual(['trimmed'])
    // Otherwise the client would drop the state, or the events after it, as known.
    expect(await reasons(2, ids[1]!)).toEqual(['restarted', 'trimmed'])
    expect(await reasons(1, ids[1]!)).toEqual(['restarted', 'trimmed'])
  })

  it.each([
    ['fails', () => Promise.reject(new Error())],
    ['does not fit the contract', () => ({ events: [{ type: 'state', payload: { total: 'x' as never } }] }) as const],
    ['is of no event', () => ({ events: [], cursor: 'not an id!' })],
    ['is of an event yet to come', () => ({ events: [], cursor: 'zzzzzzzzzz' })],
    ['is of a number', () => ({ events: [], cursor: 1 as never })],
    ['is nothing', () => undefined as never],
    ['is a map', () => ({ events: new Map([[0, 'state']]) as never })],
    ['has a hole', () => ({ events: [undefined as never] })],
  ])('that %s is answered with 500, and leaves nothing behind', async (_, snapshot) => {
    const { manager, connect, errors } = createHarness({ events })
    expect((await connect({ snapshot })).sink.status).toBe(500)
    expect(errors).toHaveLength(1)
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })
})
