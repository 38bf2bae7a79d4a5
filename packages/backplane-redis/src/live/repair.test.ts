import { describe, expect, it, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'

const redis = new OneRedis()

describe('an outage', () => {
  it('ends with the missed events, in order across all channels', async () => {
    const { proxy, backplane, namespace } = await redis.behindProxy({ retention: { maxEvents: 10_000 } })
    const other = redis.node({ namespace, retention: { maxEvents: 10_000 } }).backplane
    const recorder = new Recorder()
    for (const channel of ['a', 'b', 'c']) await backplane.subscribe(channel, recorder)
    proxy.cut()
    await recorder.until(({ health }) => health.length === 1)
    const published: string[] = []
    // More than one page of each log.
    for (let n = 0; n < 3000; n++) published.push(String(n))
    await Promise.all(published.map((data, n) => other.publish('abc'[n % 7 ? 0 : n % 3]!, text(data), kept)))
    proxy.mend()
    await recorder.until(({ data }) => data.length >= 3000)
    expect(recorder.data).toEqual(published)
    expect(recorder.gaps).toEqual([])
  })

  it('is a gap only on channels that missed live-only events', async () => {
    const { proxy, backplane, namespace } = await redis.behindProxy()
    const other = redis.node({ namespace }).backplane
    const recorder = new Recorder()
    for (const channel of ['a', 'b']) await backplane.subscribe(channel, recorder)
    await other.publish('b', text('live'), { retain: false })
    await recorder.until(({ data }) => data.length === 1)
    proxy.cut()
    await recorder.until(({ health }) => health.length === 1)
    await other.publish('a', text('missed'), { retain: false })
    proxy.mend()
    await recorder.until(({ health }) => health.length === 2)
    expect(recorder.gaps).toEqual(['a'])
  })

  it('is a gap if missed events were trimmed', async () => {
    const { proxy, backplane, namespace } = await redis.behindProxy({ retention: { maxEvents: 2 } })
    const other = redis.node({ namespace, retention: { maxEvents: 2 } }).backplane
    const recorder = new Recorder()
    for (const channel of ['a', 'b']) await backplane.subscribe(channel, recorder)
    proxy.cut()
    await recorder.until(({ health }) => health.length === 1)
    for (const data of ['1', '2', '3', '4', '5']) await other.publish('a', text(data), kept)
    proxy.mend()
    await recorder.until(({ health }) => health.length === 2)
    expect(recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)).toEqual([
      'gap a',
      '4',
      '5',
    ])
  })

  it('reports data that was lost during an unbroken connection', async () => {
    const { backplane } = redis.node()
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    const { position } = await backplane.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
    await redis.admin.flushall()
    const again = await backplane.publish('a', text('2'), kept)
    await recorder.until(({ data }) => data.length === 2)
    expect(again.position).toBeGreaterThan(position!)
    expect(recorder.gaps).toEqual([undefined])
    expect(await backplane.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })

  it('reports every loss at its place, even if history was reset more than once', async () => {
    const { proxy, backplane, namespace } = await redis.behindProxy()
    const { proxy: toPublisher, backplane: publisher } = await redis.behindProxy({ namespace })
    const [clock, log] = [`{${namespace}}:positions`, `{${namespace}}:log:a`]
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    const publish = (data: string) => vi.waitFor(() => publisher.publish('a', text(data), kept), 5000)
    await publish('0')
    await recorder.until(({ data }) => data.length === 1)
    proxy.cut()
    for (const data of ['1', '2']) {
      const { position } = await publish(data)
      const lost = await publish('lost')
      // As a replica looks that lagged behind by one event, and is promoted.
      await redis.admin.xdel(log, `${lost.position}-0`)
      const head = String(await redis.admin.hget(clock, 'h:a')).replace(/^\d+/, String(position))
      await redis.admin.hset(clock, 's', String(position), 'r', 'another run', 'h:a', head)
      toPublisher.cut()
      toPublisher.mend()
    }
    await publish('3')
    proxy.mend()
    await recorder.until(({ data }) => data.includes('3'))
    const told = recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)
    expect(told).toEqual(['0', 'gap undefined', '1', 'gap a', '2', 'gap undefined', '3'])
  })

  it.each(['by the next event', 'by an echo'])(
    'is a gap where another node has history begin anew: %s',
    async (how) => {
      const probeIntervalMs = how === 'by an echo' ? 20 : 1e6
      const { backplane, namespace } = redis.node({ probeIntervalMs })
      const recorder = new Recorder()
      await backplane.subscribe('a', recorder)
      const other = redis.node({ namespace }).backplane
      const { position } = await other.publish('b', text('1'), kept)
      // It heard of events that this server has not.
      await redis.admin.hset(`{${namespace}}:positions`, 'o', String(position), 's', String(position))
      if (how === 'by the next event') {
        await other.publish('a', text('2'), kept)
        await recorder.until(({ data }) => data.length === 1)
      }
      await recorder.until(({ gaps }) => gaps.length === 1)
      expect(recorder.entries[0]).toMatchObject({ channel: undefined, message: undefined })
    },
  )

  it('is a gap only on a channel whose head was changed, without checking the others', async () => {
    const { backplane, namespace } = redis.node()
    const recorder = new Recorder()
    for (const channel of ['a', 'b']) await backplane.subscribe(channel, recorder)
    for (const channel of ['a', 'b']) await backplane.publish(channel, text('1'), kept)
    const positions = `{${namespace}}:positions`
    await redis.admin.hset(
      positions,
      'h:a',
      String(await redis.admin.hget(positions, 'h:a')).replace(/^\d+/, (kept) => String(Number(kept) - 1)),
    )
    await redis.admin.config('RESETSTAT')
    for (const channel of ['a', 'b']) await backplane.publish(channel, text('2'), kept)
    await recorder.until(({ data }) => data.length === 4)
    const told = recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)
    expect(told).toEqual(['1', '1', 'gap a', '2', '2'])
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.admin.info('commandstats'))!
    expect(calls).toBe('2')
  })
})
