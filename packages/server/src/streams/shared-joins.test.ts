import { defineEvents, systemClock } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { SimulatedSink } from '../../test/simulation.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { Cohort } from '../delivery/cohort.js'
import type { Join, JoinRequest } from './join.js'
import { SharedJoins } from './shared-joins.js'
import type { EventStreamOptions } from './stream-options.js'

/** Lets everything happen that waits for no turn of the event loop. */
async function microtasks(): Promise<void> {
  for (let count = 0; count < 100; count++) await undefined
}

const events = defineEvents({ log: z.object({ n: z.number() }) })

describe.each([
  ['beside other nodes', false],
  ['of the only node', true],
])('streams that join in one turn, %s', (_, alone) => {
  function start() {
    const read = vi.spyOn(MemoryBackplane.prototype, 'read')
    onTestFinished(() => read.mockRestore())
    const retention = { maxEvents: 5 }
    const harness = createHarness(
      alone ? { events, retention } : { events, backplane: new MemoryBackplane({ retention }) },
    )
    const publish = (n: number, channel = 'default') => harness.manager.publish('log', { n }, { channel })
    return { ...harness, publish, reads: () => read.mock.calls.filter(([channel]) => channel === 'default').length }
  }
  type Options = EventStreamOptions<unknown, unknown, typeof events>
  const numbers = ({ messages }: Awaited<ReturnType<ReturnType<typeof start>['connect']>>) =>
    dataOf(messages, 'log').map(({ n }) => n)

  it('read the log once, and get the same', async () => {
    const { connect, publish, reads, calm } = start()
    for (const n of [1, 2, 3]) await publish(n)
    const before = reads()
    const first = await connect({ replay: 2 })
    const one = reads() - before
    const joining: ReturnType<typeof connect>[] = []
    // Each request comes in a callback of its own.
    for (let count = 0; count < 3; count++) {
      joining.push(connect({ replay: 2 }))
      await microtasks()
    }
    const together = await Promise.all(joining)
    expect(reads() - before).toBe(alone ? one : 2 * one)
    await publish(4)
    await calm()
    for (const client of [first, ...together]) {
      expect(numbers(client)).toEqual([2, 3, 4])
      const [open] = controlEventsOf(client.messages)
      expect(open).toMatchObject({ recovered: null, replayed: 2 })
    }
  })

  it('read the log again a moment later', async () => {
    const { connect, publish, reads, clock } = start()
    await publish(1)
    await connect({ replay: 2 })
    clock.advance(20)
    const before = reads()
    await connect({ replay: 2 })
    expect(reads()).toBeGreaterThan(before)
  })

  const differences: { what: string; one: [Options, string?]; other: [Options, string?] }[] = [
    { what: 'replays', one: [{ replay: 1 }], other: [{ replay: 3 }] },
    { what: 'channels', one: [{ replay: 1 }], other: [{ replay: 1, channels: ['default', 'other'] }] },
    { what: 'cursors', one: [{}, '1'], other: [{}] },
    { what: 'filters', one: [{ replay: 3 }], other: [{ replay: 3, filter: ({ n }) => Number(n) > 2 }] },
  ]

  it.each(differences)('share nothing if they have other $what', async ({ one, other }) => {
    const { connect, publish } = start()
    for (const n of [1, 2, 3]) await publish(n)
    await publish(4, 'other')
    const expected = [numbers(await connect(...one)), numbers(await connect(...other))]
    const first = connect(...one)
    await microtasks()
    const second = connect(...other)
    expect([numbers(await first), numbers(await second)]).toEqual(expected)
    expect(expected[0]).not.toEqual(expected[1])
  })

  it('share nothing across an event', async () => {
    const { manager, connect, publish, calm } = start()
    await publish(1)
    const first = connect({ replay: 2 })
    await microtasks()
    manager.emit('log', { n: 2 })
    const second = connect({ replay: 2 })
    await calm()
    expect(numbers(await first)).toEqual([1, 2])
    expect(numbers(await second)).toEqual([1, 2])
  })

  it('share nothing across a channel that was forgotten', async () => {
    const { manager, connect, publish } = start()
    await publish(1)
    const first = connect({ replay: 2 })
    await microtasks()
    await manager.forget('default')
    const second = connect({ replay: 2 })
    expect([numbers(await first), numbers(await second)]).toEqual([[1], []])
  })

  it('are each told of the events that are lost', async () => {
    const { connect, publish, calm, clock, manager } = start()
    const { id } = await publish(1)
    for (const n of [2, 3, 4, 5, 6, 7, 8]) await publish(n)
    const joining = [connect({}, id)]
    await microtasks()
    joining.push(connect({}, id))
    const together = await Promise.all(joining)
    await calm()
    for (const client of together) {
      expect(controlEventsOf(client.messages)).toMatchObject([
        { type: 'rivulet:open', recovered: false },
        { type: 'rivulet:gap', reason: 'trimmed' },
      ])
      expect(numbers(client)).toEqual([4, 5, 6, 7, 8])
    }
    expect(manager.stats().gaps).toBe(2)
    expect(clock.idle).toBe(true)
  })

  it('have each their own end if one of them left', async () => {
    const { manager, clock, publish } = start()
    await publish(1)
    const sinks = [new SimulatedSink(clock, 10_000), new SimulatedSink(clock, 10_000)]
    for (const sink of sinks) void manager.connect({ raw: undefined, lastEventId: undefined }, sink, { replay: 1 })
    sinks[1]!.destroy()
    for (let count = 0; count < 3; count++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.turn()
    }
    expect(manager.connections.size).toBe(1)
  })
})

it('remember no beginning that was determined while they were cleared', () => {
  const joins = new SharedJoins(systemClock, true)
  const cohort = new Cohort('["default"]', ['default'])
  const request = { replay: 1, lastEventId: undefined } as unknown as JoinRequest
  const join = {} as Join
  const { round } = joins
  joins.clear()
  joins.remember(cohort, request, { ordinal: 0, round }, join)
  expect(joins.find(cohort, request)).toBeUndefined()
  joins.remember(cohort, request, { ordinal: 0, round: joins.round }, join)
  expect(joins.find(cohort, request)).toBe(join)
  joins.clear()
})
