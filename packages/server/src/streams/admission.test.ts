import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { controlEventsOf } from '../../test/stream-client.js'
import { streamHeaders } from '../sinks/sink.js'

const events = defineEvents({
  log: z.object({ message: z.string() }),
  state: z.object({ total: z.number() }),
})

describe('limits', () => {
  it('refuse a connection beyond the limit with 503, until another one leaves', async () => {
    const { connect, calm } = createHarness({ events, limits: { maxConnections: 2 } })
    const [first] = [await connect(), await connect()]
    const refused = await connect()
    expect(refused.sink.status).toBe(503)
    expect(Number(refused.headers!['retry-after'])).toBeGreaterThanOrEqual(1)
    first!.sink.destroy()
    await calm()
    expect((await connect()).sink.status).toBe(200)
  })

  it('refuse a key beyond its limit with 429, and no other key', async () => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnectionsPerKey: 2 } })
    const as = (key: string) => connect({ authorize: () => ({ context: 1, key }) })
    const [first] = [await as('eve'), await as('eve')]
    for (let count = 0; count < 10_000; count++)
      await manager.connect({ raw: 0, lastEventId: '' }, new IgnoringSink(), {
        authorize: () => ({ context: 1, key: 'eve' }),
      })
    expect(manager.stats()).toMatchObject({ connections: 2, refused: 10_000 })
    const refused = await as('eve')
    expect([refused.sink.status, Number(refused.headers!['retry-after']) > 0]).toEqual([429, true])
    expect((await as('bob')).sink.status).toBe(200)
    first!.sink.destroy()
    await calm()
    expect((await as('eve')).sink.status).toBe(200)
  })
})

describe('refuseBusyWith: stream', () => {
  const busy = { refuseBusyWith: 'stream' } as const

  it('matches headers from authorize case-insensitively', async () => {
    const { connect } = createHarness({ events })
    const headers = { 'Retry-After': '30', 'CONTENT-TYPE': 'text/html' }
    const { headers: sent, retries } = await connect({ ...busy, authorize: () => ({ status: 429, headers }) })
    expect(sent).toEqual({ ...streamHeaders, 'retry-after': '30' })
    expect(retries).toEqual([30_000])
  })

  it('answers at a limit with a stream that says when to reconnect, and ends', async () => {
    const { manager, connect, calm } = createHarness({ events, limits: { maxConnections: 1 } })
    await connect()
    const refused = await connect(busy)
    expect(refused.sink.status).toBe(200)
    expect(refused.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
    })
    expect(refused.retries).toEqual([expect.any(Number)])
    expect(refused.retries[0]).toBeGreaterThanOrEqual(5_000)
    expect(controlEventsOf(refused.messages)).toEqual([{ type: 'rivulet:close', reason: 'busy', retry: true }])
    expect(refused.sink.closed).toBe(true)
    expect(manager.stats()).toMatchObject({ connections: 1, refused: 1 })
    await calm()
  })

  it.each([
    ['the limit of a key', 429, 200],
    ['no right', 403, 403],
    ['no credential', 401, 401],
    ['a mistake', 500, 500],
  ])('applies only to refusals that allow a retry: %s', async (_, status, answered) => {
    const { connect } = createHarness({ events, retryMs: 7_000 })
    const { sink, retries } = await connect({ ...busy, authorize: () => ({ status }) })
    expect(sink.status).toBe(answered)
    expect(retries).toEqual(answered === 200 ? [7_000] : [])
  })
})

class IgnoringSink {
  bufferedBytes = 0
  closed = false
  attach() {}
  refuse() {}
  open() {}
  write() {
    return true
  }
  end() {}
  destroy() {}
}
