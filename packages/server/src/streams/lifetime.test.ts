import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf } from '../../test/stream-client.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})

describe('a stream’s life', () => {
  it('ends with its credential, and the client is asked to reconnect', async () => {
    const { clock, connect, calm } = createHarness({ events })
    const client = await connect({ authorize: () => ({ context: 1, expiresAt: clock.now() + 3_600_000 }) })
    clock.advance(3_599_999)
    await calm()
    expect(client.sink.closed).toBe(false)
    clock.advance(1)
    await calm()
    expect(client.sink.closed).toBe(true)
    expect(controlEventsOf(client.messages).at(-1)).toEqual({ type: 'rivulet:close', reason: 'expired', retry: true })
  })

  it('may outlast the longest timer', async () => {
    const { clock, connect, calm } = createHarness({ events, heartbeat: false })
    const client = await connect({ authorize: () => ({ context: 1, expiresAt: clock.now() + 30 * 86_400_000 }) })
    clock.advance(29 * 86_400_000)
    await calm()
    expect(client.sink.closed).toBe(false)
    clock.advance(86_400_000)
    await calm()
    expect(client.sink.closed).toBe(true)
  })

  it('lasts between 80 and 100 percent of maxLifetimeMs', async () => {
    const { clock, connect, calm, manager } = createHarness({ events, limits: { maxLifetimeMs: 1_000_000 } })
    for (let count = 0; count < 20; count++) await connect()
    clock.advance(800_000)
    await calm()
    expect(manager.connections.size).toBe(20)
    clock.advance(100_000)
    await calm()
    expect(manager.connections.size).toBeGreaterThan(2)
    expect(manager.connections.size).toBeLessThan(18)
    clock.advance(100_000)
    await calm()
    expect(manager.connections.size).toBe(0)
  })
})
