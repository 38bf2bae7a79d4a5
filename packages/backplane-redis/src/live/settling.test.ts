import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'

const redis = new OneRedis()

describe('a subscription', () => {
  it('does not check the other channels of the node, no matter how many', async () => {
    const { backplane } = redis.node({ probeIntervalMs: 1e6, lingerMs: 1e6 })
    const recorder = new Recorder()
    const many = 5_000
    await Promise.all(Array.from({ length: many }, (_, index) => backplane.subscribe(`c${index}`, recorder)))
    const looks = (['entries', 'values', 'keys', 'forEach', Symbol.iterator] as const).flatMap((name) => [
      vi.spyOn(Map.prototype, name as 'values'),
      vi.spyOn(Set.prototype, name as 'values'),
    ])
    onTestFinished(() => void vi.restoreAllMocks())
    await backplane.subscribe('another', recorder)
    backplane.unsubscribe('another', recorder)
    await backplane.subscribe('c1', recorder)
    const sizes = looks.flatMap(({ mock }) => mock.contexts.map((looked) => (looked as unknown as Set<unknown>).size))
    vi.restoreAllMocks()
    expect(sizes.filter((size) => size >= many)).toEqual([])
    await backplane.publish('another', text('unheard'), kept)
    await backplane.publish('c1', text('1'), kept)
    await recorder.until(({ data }) => data.length > 0)
    expect(recorder.data).toEqual(['1'])
  })
})

describe('connections', () => {
  it('stops listening to an unused channel after a while', async () => {
    const { backplane, namespace } = redis.node({ lingerMs: 50 })
    const heard = async () => (await redis.admin.pubsub('CHANNELS', `{${namespace}}:live:*`)) as string[]
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    await backplane.subscribe('b', recorder)
    backplane.unsubscribe('a', recorder)
    expect(await heard()).toHaveLength(2)
    await vi.waitFor(async () => expect(await heard()).toEqual([expect.stringContaining(':live:b@')]))
    await backplane.subscribe('a', recorder)
    await backplane.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
  })
})
