import { describe, expect, it, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'

const redis = new OneRedis()

describe('a sweeper', () => {
  it('forgets expired channels without subscribers, and claims no continuity for them', async () => {
    const { backplane, namespace } = redis.node({ probeIntervalMs: 5 })
    const positions = `{${namespace}}:positions`
    const { storedPosition } = await backplane.read('a', 0, 0)
    await backplane.subscribe('b', new Recorder())
    const seqs: number[] = []
    for (const channel of ['a', 'b', 'c']) seqs.push((await backplane.publish(channel, text('1'), kept)).position!)
    for (const channel of ['a', 'b']) {
      const head = String(await redis.admin.hget(positions, `h:${channel}`))
      await redis.admin.hset(positions, `h:${channel}`, head.replace(/^(\d+ \d+) \d+/, '$1 1'))
    }
    await vi.waitFor(async () => expect(await redis.admin.hexists(positions, 'h:a')).toBe(0))
    expect(await redis.admin.hmget(positions, 'h:b', 'h:c')).not.toContain(null)
    await redis.admin.del(`{${namespace}}:log:a`)
    for (const channel of ['a', 'd'])
      expect(await backplane.read(channel, storedPosition, 10)).toMatchObject({
        messages: [],
        continuous: false,
        reason: 'trimmed',
      })
    for (const channel of ['a', 'd']) expect((await backplane.read(channel, seqs[0]!, 10)).continuous).toBe(true)
    // A live-only event gives the channel a head, which knows no more of the kept events.
    await backplane.publish('a', text('live'), { retain: false })
    expect((await backplane.read('a', storedPosition, 10)).continuous).toBe(false)
  })
})
