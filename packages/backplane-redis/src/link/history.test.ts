import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { TcpProxy } from '../../../../test-support/tcp-proxy.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'
import { RedisServer } from '../../test/redis-server.js'
import type { RedisBackplaneOptions } from '../redis-backplane.js'

const redis = new OneRedis()

describe('an outage', () => {
  it('is a gap for everyone if there were two primaries for a while', async () => {
    const old = await RedisServer.start()
    const promoted = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(old.port)] })
    onTestFinished(async () => void (await Promise.all([old.dispose(), promoted.dispose()])))
    const start = async (options: Partial<RedisBackplaneOptions> = {}) => {
      const proxy = await TcpProxy.start(old.port)
      onTestFinished(() => proxy.dispose())
      const { backplane, namespace } = redis.node(options, proxy.port)
      const recorder = new Recorder()
      await backplane.subscribe('a', recorder)
      const move = async () => {
        proxy.retarget(promoted.port)
        proxy.cut()
        proxy.mend()
        await recorder.until(({ health }) => health.length === 2)
      }
      return { backplane, namespace, recorder, move }
    }
    const one = await start()
    const other = await start({ namespace: one.namespace })
    await one.backplane.publish('a', text('0'), kept)
    await other.recorder.until(({ data }) => data.includes('0'))
    await promoted.followed()
    await promoted.command('replicaof', 'no', 'one')
    await one.move()
    await one.backplane.publish('a', text('early'), kept)
    const { position } = await other.backplane.publish('a', text('of the old'), kept)
    await other.recorder.until(({ data }) => data.includes('of the old'))
    while (Date.now() * 1024 <= position!) await setImmediate()
    await one.backplane.publish('a', text('late'), kept)
    await other.move()
    await other.backplane.publish('a', text('1'), kept)
    for (const { recorder } of [one, other]) await recorder.until(({ data }) => data.includes('1'))
    const told = ({ recorder }: { recorder: Recorder }) => recorder.entries.map(({ message }) => message?.data ?? 'gap')
    expect(told(one)).toEqual(['0', 'gap', 'early', 'late', 'gap', '1'])
    expect(told(other)).toEqual(['0', 'of the old', 'gap', 'late', 'gap', '1'])
  })

  it('is a gap if the clocks of the two differ, and nothing was published on the new one', async () => {
    const old = await RedisServer.start()
    const promoted = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(old.port)] })
    onTestFinished(async () => void (await Promise.all([old.dispose(), promoted.dispose()])))
    const namespace = 'skewed'
    const start = async () => {
      const proxy = await TcpProxy.start(old.port)
      onTestFinished(() => proxy.dispose())
      const { backplane } = redis.node({ namespace, probeIntervalMs: 1e6 }, proxy.port)
      const recorder = new Recorder()
      await backplane.subscribe('a', recorder)
      const move = async () => {
        proxy.retarget(promoted.port)
        proxy.cut()
        proxy.mend()
        await recorder.until(({ health }) => health.length === 2)
      }
      return { backplane, recorder, move }
    }
    const [one, other] = [await start(), await start()]
    await promoted.followed()
    await promoted.command('replicaof', 'no', 'one')
    // The new one is ahead, so that its history begins above all that the old one gives.
    await promoted.command('hset', `{${namespace}}:positions`, 's', String((Date.now() + 60_000) * 1024))
    await one.move()
    await other.backplane.publish('a', text('of the old'), kept)
    await other.move()
    await other.backplane.publish('a', text('1'), kept)
    await one.recorder.until(({ data }) => data.includes('1'))
    expect(one.recorder.entries.map(({ message }) => message?.data ?? 'gap')).toEqual(['gap', 'gap', '1'])
  })
})
