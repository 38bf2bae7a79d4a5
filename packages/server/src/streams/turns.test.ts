import { describe, expect, it } from 'vitest'
import { createHarness } from '../../test/harness.js'
import { type Events, events } from '../../test/served.js'
import { SimulatedSink, settle } from '../../test/simulation.js'
import type { EventStreamOptions } from './stream-options.js'

describe('many requests at once', () => {
  /** Requests whose `channels` function takes a millisecond each. Returns the order in which it was called, by turn. */
  async function request(count: number, options: Parameters<typeof createHarness<Events>>[0] = { events }) {
    const harness = createHarness<Events>(options)
    const called: number[][] = [[]]
    const sinks: SimulatedSink[] = []
    for (let index = 0; index < count; index++) {
      const sink = new SimulatedSink(harness.clock, 10_000)
      sinks.push(sink)
      const stream: EventStreamOptions<unknown, unknown, Events> = {
        channels: () => {
          harness.clock.spend(1)
          called.at(-1)!.push(index)
          return ['default']
        },
      }
      void harness.manager.connect({ raw: undefined, lastEventId: undefined }, sink, stream)
      // As in a server: promises go on before the next request is read.
      await settle()
    }
    const turn = async () => {
      await settle()
      called.push([])
      harness.clock.turn()
      await settle()
    }
    return { ...harness, called, sinks, turn }
  }

  it('use ten milliseconds of a turn, in order of arrival', async () => {
    const { manager, called, turn } = await request(35)
    for (let count = 0; count < 6; count++) await turn()
    expect(called.flat()).toEqual(Array.from({ length: 35 }, (_, index) => index))
    // A few more finish that were let on before the time was over.
    for (const some of called) expect(some.length).toBeLessThanOrEqual(14)
    expect(called[0]).toHaveLength(10)
    expect(manager.connections.size).toBe(35)
  })

  it('occupy no slot after their clients left the line', async () => {
    const { manager, sinks, turn, errors } = await request(50, { events, limits: { maxConnections: 50 } })
    for (const sink of sinks.slice(25)) sink.destroy()
    for (let count = 0; count < 8; count++) await turn()
    expect(manager.stats().pendingAdmissions).toBe(0)
    expect(manager.connections.size).toBe(25)
    expect(errors).toEqual([])
  })

  it('are refused when the manager closes while they wait in line', async () => {
    const { manager, sinks, turn } = await request(50)
    void manager.close()
    for (let count = 0; count < 8; count++) await turn()
    expect(manager.stats().pendingAdmissions).toBe(0)
    expect(sinks.filter(({ status }) => status === 503).length).toBeGreaterThan(30)
  })
})
