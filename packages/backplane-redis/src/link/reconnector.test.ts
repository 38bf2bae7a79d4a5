import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'
import { BackplaneUnavailableError } from './errors.js'

const redis = new OneRedis()

describe('an outage', () => {
  it('makes publishing and reading fail at once, with the fix, and recovers by itself', async () => {
    const { proxy, backplane } = await redis.behindProxy({ timeoutMs: 500 })
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    proxy.cut()
    await recorder.until(({ health }) => health.length === 1)
    const errors: unknown[] = []
    for (let n = 0; n < 1000; n++) backplane.publish('a', text('lost'), kept).catch((error) => errors.push(error))
    // None waits for anything.
    await setImmediate()
    expect(errors).toHaveLength(1000)
    for (const error of errors) expect(error).toBeInstanceOf(BackplaneUnavailableError)
    await expect(backplane.read('a', 0, 1)).rejects.toThrow(BackplaneUnavailableError)
    await expect(backplane.publish('a', text('lost'), kept)).rejects.toThrow('idempotencyKey')
    await expect(backplane.subscribe('b', recorder)).rejects.toThrow(BackplaneUnavailableError)
    proxy.mend()
    await recorder.until(({ health }) => health.length === 2)
    expect(recorder.health).toEqual([expect.any(Error), undefined])
    await backplane.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
    expect(recorder.data).toEqual(['1'])
  })
})
