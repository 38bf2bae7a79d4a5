import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'
import { RedisServer } from '../../test/redis-server.js'
import { BackplaneUnavailableError } from '../link/errors.js'

const redis = new OneRedis()

describe('retention', () => {
  it('trims to maxBytes', async () => {
    const { backplane, namespace } = redis.node({ retention: { maxBytes: 10_000 } })
    let last = 0
    for (let n = 0; n < 100; n++) last = (await backplane.publish('a', text('x'.repeat(990)), kept)).position!
    expect(await redis.admin.xlen(`{${namespace}}:log:a`)).toBeLessThanOrEqual(10)
    expect(await redis.admin.xlen(`{${namespace}}:log:a`)).toBeGreaterThanOrEqual(8)
    expect((await backplane.read('a', last, 10)).continuous).toBe(true)
    expect(await backplane.read('a', last - 50 * 1024 * 1000, 10)).toMatchObject({ continuous: false })
  })

  it('does not keep an event that alone exceeds maxBytes', async () => {
    const { backplane } = redis.node({ retention: { maxBytes: 1000 } })
    const { position } = await backplane.publish('a', text('x'.repeat(2000)), kept)
    expect(await backplane.read('a', position! - 1, 10)).toMatchObject({
      messages: [],
      continuous: false,
      lastPosition: position,
    })
    expect((await backplane.read('a', position!, 10)).continuous).toBe(true)
  })

  it('forgets by age, and knows that it did', async () => {
    const { backplane, namespace } = redis.node({ retention: { maxAgeMs: 30 } })
    const { storedPosition } = await backplane.read('a', 0, 0)
    const { position } = await backplane.publish('a', text('1'), kept)
    await vi.waitFor(async () => expect((await backplane.read('a', storedPosition, 10)).messages).toEqual([]))
    expect(await backplane.read('a', storedPosition, 10)).toMatchObject({
      continuous: false,
      reason: 'trimmed',
      lastPosition: position,
    })
    await vi.waitFor(async () => expect(await redis.admin.exists(`{${namespace}}:log:a`)).toBe(0))
    const next = await backplane.publish('a', text('2'), kept)
    expect((await backplane.read('a', position!, 10)).messages).toMatchObject([
      { position: next.position, previous: position },
    ])
  })
})

describe('a position', () => {
  it('from the future belongs to another history, and stays unknown', async () => {
    const { backplane, namespace } = redis.node()
    await backplane.publish('a', text('1'), kept)
    const positions = `{${namespace}}:positions`
    // The clock of Redis is ahead by a minute, loses its data, and goes right.
    await redis.admin.hset(positions, 's', String((Date.now() + 60_000) * 1024))
    const { position } = await backplane.publish('a', text('2'), kept)
    backplane.close()
    await redis.admin.del(positions, `{${namespace}}:log:a`)
    const { backplane: again } = redis.node({ namespace })
    expect(await again.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })

  it('continues above a log that outlived the others', async () => {
    const { backplane, namespace } = redis.node()
    const far = (Date.now() + 60_000) * 1024
    await redis.admin.xadd(`{${namespace}}:log:a`, `${far}-0`, 'p', '0', 'c', '1', 'e', '3|1|log1')
    const first = await backplane.publish('a', text('2'), kept)
    expect(first.position).toBeGreaterThan(far)
    expect(await backplane.read('a', first.position! - 1, 10)).toMatchObject({
      messages: [{ data: '2' }],
      continuous: true,
    })
    expect(await backplane.read('a', far, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })
})

describe('events of one turn', () => {
  it('are one message for each row of events on a channel, and come in their order', async () => {
    const { backplane, namespace } = redis.node()
    const other = redis.node({ namespace }).backplane
    const listener = redis.admin.duplicate()
    onTestFinished(() => listener.disconnect())
    const messages: string[] = []
    listener.on('pmessage', (_pattern, channel: string, message: string) => messages.push(`${channel} ${message}`))
    await listener.psubscribe(`*{${namespace}}:live:*`)
    const recorder = new Recorder()
    for (const channel of ['a', 'b']) await other.subscribe(channel, recorder)
    const long = 'é|🙂'.repeat(24_000)
    const published = ['a 1', 'a 2', 'b 3', 'a 4', 'a 5', `a ${long}`, `a ${long}`, 'a 6', 'b 7']
    const liveOnly = ['a 4', 'a 5']
    await Promise.all(
      published.map((one) =>
        backplane.publish(one.slice(0, 1), text(one.slice(2)), { retain: !liveOnly.includes(one) }),
      ),
    )
    await vi.waitFor(() => expect(recorder.entries).toHaveLength(published.length))
    expect(recorder.entries.map(({ channel, message }) => `${channel} ${message?.data}`)).toEqual(published)
    expect(recorder.gaps).toEqual([])
    await vi.waitFor(() => expect(messages).toHaveLength(7))
  })
})

describe('an outage', () => {
  it('does not carry out later what it refused while Redis was stopped', async () => {
    const stopped = await RedisServer.start()
    onTestFinished(() => stopped.dispose())
    const { backplane } = redis.node({ timeoutMs: 100 }, stopped.port)
    // On a busy machine, connecting may take longer than `timeoutMs`.
    const { storedPosition } = await vi.waitFor(() => backplane.read('a', 0, 0), 20_000)
    stopped.signal('SIGSTOP')
    await expect(backplane.publish('a', text('late'), kept)).rejects.toThrow(BackplaneUnavailableError)
    stopped.signal('SIGCONT')
    const next = { ...kept, idempotencyKey: 'next' }
    await vi.waitFor(() => backplane.publish('a', text('next'), next), 20_000)
    const { messages } = await vi.waitFor(() => backplane.read('a', storedPosition, 10), 20_000)
    expect(messages.map(({ data }) => data)).toEqual(['next'])
  })
})
