import { ConfigurationError } from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../test/one-redis.js'

const redis = new OneRedis()

describe('retention', () => {
  it('is called per channel', async () => {
    const { backplane } = redis.node({ retention: (channel) => (channel === 'b' ? 'none' : 'latest') })
    expect((await backplane.publish('a', text('1'), kept)).position).toBeTypeOf('number')
    expect((await backplane.publish('b', text('1'), kept)).position).toBeUndefined()
  })

  it.each([
    ['returns a promise', async () => 'none'],
    ['has a typo', () => 'lates'],
  ])('is refused for a channel whose function %s, and the others work', async (_, ofB) => {
    const retention = (channel: string) => (channel === 'b' ? ofB() : 'latest')
    const { backplane } = redis.node({ retention: retention as never })
    const recorder = new Recorder()
    await expect(backplane.publish('b', text('1'), kept)).rejects.toThrow(ConfigurationError)
    await expect(backplane.read('b', 0, 1)).rejects.toThrow(ConfigurationError)
    await expect(backplane.seek('b', 1)).rejects.toThrow(ConfigurationError)
    await expect(backplane.subscribe('b', recorder)).rejects.toThrow(ConfigurationError)
    await backplane.subscribe('a', recorder)
    await backplane.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
    expect(recorder.health).toEqual([])
  })
})

it('refuses invalid options', () => {
  expect(() => redis.node({ retention: { maxEvents: -1 } })).toThrow('retention.maxEvents')
  expect(() => redis.node({ namespace: '{a}' })).toThrow('namespace')
  expect(() => redis.node({ client: {} as never })).toThrow('client')
})
