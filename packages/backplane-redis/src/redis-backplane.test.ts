import { setImmediate } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { clients } from '../test/clients.js'
import { Recorder } from '../test/recorder.js'
import { RedisServer } from '../test/redis-server.js'
import { TcpProxy } from '../test/tcp-proxy.js'
import { BackplaneUnavailableError } from './errors.js'
import { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'

let server: RedisServer
let admin: Redis
beforeAll(async () => {
  server = await RedisServer.start()
  admin = new Redis({ port: server.port, host: '127.0.0.1' })
})
afterAll(async () => {
  admin.disconnect()
  await server.dispose()
})

let namespaces = 0
const kept = { retain: true }
const text = (data: string) => ({ type: 'log', data })

function node(options: Partial<RedisBackplaneOptions> = {}, port: number = server.port) {
  const namespace = options.namespace ?? `test-${namespaces++}`
  const backplane = new RedisBackplane({ client: clients.ioredis!(port), ...options, namespace })
  onTestFinished(() => backplane.close())
  return { backplane, namespace }
}

async function behindProxy(options: Partial<RedisBackplaneOptions> = {}) {
  const proxy = await TcpProxy.start(server.port)
  onTestFinished(() => proxy.dispose())
  return { proxy, ...node(options, proxy.port) }
}

describe('retention', () => {
  it('trims to the bytes', async () => {
    const { backplane, namespace } = node({ retention: { maxBytes: 10_000 } })
    let last = 0
    for (let n = 0; n < 100; n++) last = (await backplane.publish('a', text('x'.repeat(990)), kept)).position!
    expect(await admin.xlen(`{${namespace}}:log:a`)).toBeLessThanOrEqual(10)
    expect(await admin.xlen(`{${namespace}}:log:a`)).toBeGreaterThanOrEqual(8)
    expect((await backplane.read('a', last, 10)).continuous).toBe(true)
    expect(await backplane.read('a', last - 50 * 1024 * 1000, 10)).toMatchObject({ continuous: false })
  })

  it('keeps no event that alone exceeds the bytes', async () => {
    const { backplane } = node({ retention: { maxBytes: 1000 } })
    const { position } = await backplane.publish('a', text('x'.repeat(2000)), kept)
    expect(await backplane.read('a', position! - 1, 10)).toMatchObject({
      messages: [],
      continuous: false,
      lastPosition: position,
    })
    expect((await backplane.read('a', position!, 10)).continuous).toBe(true)
  })

  it('forgets by age, and knows that it did', async () => {
    const { backplane, namespace } = node({ retention: { maxAgeMs: 30 } })
    const { storedPosition } = await backplane.read('a', 0, 0)
    const { position } = await backplane.publish('a', text('1'), kept)
    await vi.waitFor(async () => expect((await backplane.read('a', storedPosition, 10)).messages).toEqual([]))
    expect(await backplane.read('a', storedPosition, 10)).toMatchObject({
      continuous: false,
      reason: 'trimmed',
      lastPosition: position,
    })
    await vi.waitFor(async () => expect(await admin.exists(`{${namespace}}:log:a`)).toBe(0))
    const next = await backplane.publish('a', text('2'), kept)
    expect((await backplane.read('a', position!, 10)).messages).toMatchObject([
      { position: next.position, previous: position },
    ])
  })

  it('forgets channels whose time is over, unless somebody listens, and vouches for none of them', async () => {
    const { backplane, namespace } = node({ probeIntervalMs: 5 })
    const positions = `{${namespace}}:positions`
    const { storedPosition } = await backplane.read('a', 0, 0)
    await backplane.subscribe('b', new Recorder())
    const seqs: number[] = []
    for (const channel of ['a', 'b', 'c']) seqs.push((await backplane.publish(channel, text('1'), kept)).position!)
    for (const channel of ['a', 'b']) {
      const head = String(await admin.hget(positions, `h:${channel}`))
      await admin.hset(positions, `h:${channel}`, head.replace(/^(\d+ \d+) \d+/, '$1 1'))
    }
    await vi.waitFor(async () => expect(await admin.hexists(positions, 'h:a')).toBe(0))
    expect(await admin.hmget(positions, 'h:b', 'h:c')).not.toContain(null)
    await admin.del(`{${namespace}}:log:a`)
    for (const channel of ['a', 'd'])
      expect(await backplane.read(channel, storedPosition, 10)).toMatchObject({
        messages: [],
        continuous: false,
        reason: 'trimmed',
      })
    for (const channel of ['a', 'd']) expect((await backplane.read(channel, seqs[0]!, 10)).continuous).toBe(true)
    // What is live only gives it a head, which knows no more of what was kept.
    await backplane.publish('a', text('live'), { retain: false })
    expect((await backplane.read('a', storedPosition, 10)).continuous).toBe(false)
  })

  it('asks per channel', async () => {
    const { backplane } = node({ retention: (channel) => (channel === 'b' ? 'none' : 'latest') })
    expect((await backplane.publish('a', text('1'), kept)).position).toBeTypeOf('number')
    expect((await backplane.publish('b', text('1'), kept)).position).toBeUndefined()
  })

  it('refuses bounds that make no sense', async () => {
    expect(() => node({ retention: { maxEvents: -1 } })).toThrow('retention.maxEvents')
    expect(() => node({ namespace: '{a}' })).toThrow('namespace')
    expect(() => node({ client: {} as never })).toThrow('client')
  })
})

describe('a position', () => {
  it('of the future is of another history, and does not become one of this', async () => {
    const { backplane, namespace } = node()
    await backplane.publish('a', text('1'), kept)
    const positions = `{${namespace}}:positions`
    // The clock of Redis is ahead by a minute, loses its data, and goes right.
    await admin.hset(positions, 's', String((Date.now() + 60_000) * 1024))
    const { position } = await backplane.publish('a', text('2'), kept)
    backplane.close()
    await admin.del(positions, `{${namespace}}:log:a`)
    const { backplane: again } = node({ namespace })
    expect(await again.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })

  it('goes on above a log that outlived the others', async () => {
    const { backplane, namespace } = node()
    const far = (Date.now() + 60_000) * 1024
    await admin.xadd(`{${namespace}}:log:a`, `${far}-0`, 'p', '0', 'c', '1', 'e', '3|log1')
    const first = await backplane.publish('a', text('2'), kept)
    expect(first.position).toBeGreaterThan(far)
    expect(await backplane.read('a', first.position! - 1, 10)).toMatchObject({
      messages: [{ data: '2' }],
      continuous: true,
    })
    expect(await backplane.read('a', far, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })
})

describe('a subscription', () => {
  it('does not look at the other channels of the node, however many', async () => {
    const { backplane } = node({ probeIntervalMs: 1e6, lingerMs: 1e6 })
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

describe('what is read in one turn', () => {
  /** Counts the calls of scripts that get a log of the namespace. */
  async function countCalls(namespace: string): Promise<() => Promise<number>> {
    const monitor = await admin.duplicate().monitor()
    onTestFinished(() => monitor.disconnect())
    const seen: string[][] = []
    monitor.on('monitor', (_time: string, args: string[]) => seen.push(args))
    return async () => {
      await admin.echo(namespace)
      const isEnd = ([command, text]: string[]) => command === 'echo' && text === namespace
      await vi.waitFor(() => expect(seen.some(isEnd)).toBe(true))
      const calls = seen.splice(0, seen.findIndex(isEnd) + 1)
      return calls.filter(
        (args) => args[0] === 'EVALSHA' && args.some((name) => name.startsWith(`{${namespace}}:log:`)),
      ).length
    }
  }

  it('is read by one call, each channel from where it was asked for', async () => {
    const { backplane, namespace } = node({ retention: (channel) => (channel === 'c4' ? 'none' : { maxEvents: 4 }) })
    const channels = Array.from({ length: 40 }, (_, index) => `c${index}`)
    const seqs: number[][] = []
    for (const [index, channel] of channels.entries()) {
      seqs[index] = []
      for (let n = 0; n < index % 7; n++) {
        const { position } = await backplane.publish(channel, text(`${channel} ${n}`), kept)
        if (position !== undefined) seqs[index].push(position)
      }
    }
    const request = (channel: string, index: number) =>
      [channel, seqs[index]![index % 3] ?? 0, index % 5 === 0 ? 0 : 3] as const
    const alone = []
    for (const [index, channel] of channels.entries()) alone.push(await backplane.read(...request(channel, index)))
    const calls = await countCalls(namespace)
    const together = await Promise.all(channels.map((channel, index) => backplane.read(...request(channel, index))))
    expect(await calls()).toBe(1)
    expect(together).toEqual(alone.map((result) => ({ ...result, storedPosition: together[0]!.storedPosition })))
    expect(alone.some(({ messages }) => messages.length === 3)).toBe(true)
    expect(alone.some(({ continuous }) => !continuous)).toBe(true)

    const found = []
    for (const [index, channel] of channels.entries()) found.push(await backplane.seek(channel, index % 4))
    await calls()
    expect(await Promise.all(channels.map((channel, index) => backplane.seek(channel, index % 4)))).toEqual(found)
    expect(await calls()).toBe(1)
  })

  it('is read by several calls where it may be much', async () => {
    const { backplane, namespace } = node()
    await backplane.publish('a', text('1'), kept)
    const calls = await countCalls(namespace)
    const results = await Promise.all(Array.from({ length: 10 }, () => backplane.read('a', 0, 500)))
    expect(results.map(({ messages }) => messages.length)).toEqual(Array(10).fill(1))
    expect(await calls()).toBe(5)
  })
})

describe('connections', () => {
  it.each(['ioredis', 'redis'])('leaves the client of %s alone, and closes its own', async (name) => {
    const { proxy } = await behindProxy()
    const address = { port: proxy.port, host: '127.0.0.1' }
    const ioredis = new Redis({ ...address, lazyConnect: true })
    const nodeRedis = createClient({ socket: address })
    const client = name === 'redis' ? nodeRedis : ioredis
    await (name === 'redis' ? nodeRedis.connect() : ioredis.connect())
    const { backplane } = node({ client }, proxy.port)
    await backplane.publish('a', text('1'), kept)
    expect(proxy.connections).toBe(3)
    backplane.close()
    await vi.waitFor(() => expect(proxy.connections).toBe(1))
    expect(await (name === 'redis' ? nodeRedis.ping() : ioredis.ping())).toBe('PONG')
    if (name === 'redis') nodeRedis.destroy()
    else ioredis.disconnect()
  })

  it('goes on when Redis has forgotten the scripts', async () => {
    const { backplane } = node()
    await backplane.publish('a', text('1'), kept)
    await admin.script('FLUSH')
    expect((await backplane.publish('a', text('2'), kept)).duplicate).toBe(false)
  })

  it('refuses a replica, and keeps no connection to it', async () => {
    const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(server.port)] })
    onTestFinished(() => replica.dispose())
    await replica.followed()
    const { backplane } = node({}, replica.port)
    await expect(backplane.publish('a', text('1'), kept)).rejects.toThrow('is a replica')
    backplane.close()
    await vi.waitFor(async () =>
      expect(String(await replica.command('client', 'list', 'type', 'normal'))).not.toMatch(/\n./),
    )
  })

  it('leaves a server that has become a replica, though it only listens', async () => {
    const [one, other] = await Promise.all([RedisServer.start(), RedisServer.start()])
    onTestFinished(async () => void (await Promise.all([one.dispose(), other.dispose()])))
    const proxy = await TcpProxy.start(one.port)
    onTestFinished(() => proxy.dispose())
    const { backplane, namespace } = node({ probeIntervalMs: 50 }, proxy.port)
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    proxy.retarget(other.port)
    await one.command('replicaof', '127.0.0.1', String(other.port))
    await one.followed()
    const publisher = node({ namespace }, other.port).backplane
    // A replica passes these on, so it is never silent.
    const chatter = setInterval(() => publisher.publish('a', text('chatter'), { retain: false }).catch(() => {}), 10)
    onTestFinished(() => clearInterval(chatter))
    await recorder.until(({ health }) => health.length === 2)
    await publisher.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.includes('1'))
    expect(recorder.gaps).toContain(undefined)
  })

  it('closes its connections when Redis refuses its scripts', async () => {
    await admin.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '+@all', '%R~*', '&*')
    const client = new Redis({
      port: server.port,
      host: '127.0.0.1',
      lazyConnect: true,
      username: 'reader',
      password: 'secret',
    })
    const { backplane } = node({ client })
    await expect(backplane.publish('a', text('1'), kept)).rejects.toThrow('NOPERM')
    await vi.waitFor(async () => expect(String(await admin.client('LIST'))).not.toContain('user=reader'))
  })

  it('stops listening to a channel that nobody wants any more, after a while', async () => {
    const { backplane, namespace } = node({ lingerMs: 50 })
    const heard = async () => (await admin.pubsub('CHANNELS', `{${namespace}}:live:*`)) as string[]
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

describe('an outage', () => {
  it('makes publishing and reading fail at once, with what to do, and is over by itself', async () => {
    const { proxy, backplane } = await behindProxy({ timeoutMs: 500 })
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

  it('ends with what was missed, in the order of all channels', { timeout: 20_000 }, async () => {
    const { proxy, backplane, namespace } = await behindProxy({ retention: { maxEvents: 10_000 } })
    const other = node({ namespace, retention: { maxEvents: 10_000 } }).backplane
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

  it('is a gap where live-only events were missed, and on no other channel', async () => {
    const { proxy, backplane, namespace } = await behindProxy()
    const other = node({ namespace }).backplane
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

  it('is a gap where what was missed is trimmed', async () => {
    const { proxy, backplane, namespace } = await behindProxy({ retention: { maxEvents: 2 } })
    const other = node({ namespace, retention: { maxEvents: 2 } }).backplane
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

  it('tells of data that is gone beneath a connection that holds', async () => {
    const { backplane } = node()
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    const { position } = await backplane.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
    await admin.flushall()
    const again = await backplane.publish('a', text('2'), kept)
    await recorder.until(({ data }) => data.length === 2)
    expect(again.position).toBeGreaterThan(position!)
    expect(recorder.gaps).toEqual([undefined])
    expect(await backplane.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  })

  it('tells of every loss at its place, where history began anew more than once meanwhile', async () => {
    const { proxy, backplane, namespace } = await behindProxy()
    const { proxy: toPublisher, backplane: publisher } = await behindProxy({ namespace })
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
      await admin.xdel(log, `${lost.position}-0`)
      const head = String(await admin.hget(clock, 'h:a')).replace(/^\d+/, String(position))
      await admin.hset(clock, 's', String(position), 'r', 'another run', 'h:a', head)
      toPublisher.cut()
      toPublisher.mend()
    }
    await publish('3')
    proxy.mend()
    await recorder.until(({ data }) => data.includes('3'))
    const told = recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)
    expect(told).toEqual(['0', 'gap undefined', '1', 'gap a', '2', 'gap undefined', '3'])
  })

  it('is a gap for everyone where two servers were in charge for a while', async () => {
    const old = await RedisServer.start()
    const promoted = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(old.port)] })
    onTestFinished(async () => void (await Promise.all([old.dispose(), promoted.dispose()])))
    const start = async (options: Partial<RedisBackplaneOptions> = {}) => {
      const proxy = await TcpProxy.start(old.port)
      onTestFinished(() => proxy.dispose())
      const { backplane, namespace } = node(options, proxy.port)
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

  it('is a gap where the clocks of the two differ, and nothing was published at the new one', async () => {
    const old = await RedisServer.start()
    const promoted = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(old.port)] })
    onTestFinished(async () => void (await Promise.all([old.dispose(), promoted.dispose()])))
    const namespace = 'skewed'
    const start = async () => {
      const proxy = await TcpProxy.start(old.port)
      onTestFinished(() => proxy.dispose())
      const { backplane } = node({ namespace, probeIntervalMs: 1e6 }, proxy.port)
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

  it.each(['by the next event', 'by an echo'])(
    'is a gap where another node has history begin anew: %s',
    async (how) => {
      const probeIntervalMs = how === 'by an echo' ? 20 : 1e6
      const { backplane, namespace } = node({ probeIntervalMs })
      const recorder = new Recorder()
      await backplane.subscribe('a', recorder)
      const other = node({ namespace }).backplane
      const { position } = await other.publish('b', text('1'), kept)
      // It heard of events that this server has not.
      await admin.hset(`{${namespace}}:positions`, 'o', String(position), 's', String(position))
      if (how === 'by the next event') {
        await other.publish('a', text('2'), kept)
        await recorder.until(({ data }) => data.length === 1)
      }
      await recorder.until(({ gaps }) => gaps.length === 1)
      expect(recorder.entries[0]).toMatchObject({ channel: undefined, message: undefined })
    },
  )

  it('is a gap on a channel alone whose head was changed, without a look at the others', async () => {
    const { backplane, namespace } = node()
    const recorder = new Recorder()
    for (const channel of ['a', 'b']) await backplane.subscribe(channel, recorder)
    for (const channel of ['a', 'b']) await backplane.publish(channel, text('1'), kept)
    const positions = `{${namespace}}:positions`
    await admin.hset(
      positions,
      'h:a',
      String(await admin.hget(positions, 'h:a')).replace(/^\d+/, (kept) => String(Number(kept) - 1)),
    )
    await admin.config('RESETSTAT')
    for (const channel of ['a', 'b']) await backplane.publish(channel, text('2'), kept)
    await recorder.until(({ data }) => data.length === 4)
    const told = recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)
    expect(told).toEqual(['1', '1', 'gap a', '2', '2'])
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await admin.info('commandstats'))!
    expect(calls).toBe('2')
  })

  it('does not carry out afterwards what it refused while Redis was stopped', async () => {
    const stopped = await RedisServer.start()
    onTestFinished(() => stopped.dispose())
    const { backplane } = node({ timeoutMs: 100 }, stopped.port)
    const { storedPosition } = await backplane.read('a', 0, 0)
    stopped.signal('SIGSTOP')
    await expect(backplane.publish('a', text('late'), kept)).rejects.toThrow(BackplaneUnavailableError)
    stopped.signal('SIGCONT')
    await vi.waitFor(() => backplane.publish('a', text('next'), kept), 5000)
    expect((await backplane.read('a', storedPosition, 10)).messages.map(({ data }) => data)).toEqual(['next'])
  })
})
