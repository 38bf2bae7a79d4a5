import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { TcpProxy } from '../../../../test-support/tcp-proxy.js'
import { kept, OneRedis, text } from '../../test/one-redis.js'
import { RedisServer } from '../../test/redis-server.js'

const redis = new OneRedis()

describe('connections', () => {
  it.each(['ioredis', 'redis'])('leaves the client of %s alone, and closes its own connections', async (name) => {
    const { proxy } = await redis.behindProxy()
    const address = { port: proxy.port, host: '127.0.0.1' }
    const ioredis = new Redis({ ...address, lazyConnect: true })
    const nodeRedis = createClient({ socket: address })
    const client = name === 'redis' ? nodeRedis : ioredis
    await (name === 'redis' ? nodeRedis.connect() : ioredis.connect())
    const { backplane } = redis.node({ client }, proxy.port)
    await backplane.publish('a', text('1'), kept)
    expect(proxy.connections).toBe(3)
    backplane.close()
    await vi.waitFor(() => expect(proxy.connections).toBe(1))
    expect(await (name === 'redis' ? nodeRedis.ping() : ioredis.ping())).toBe('PONG')
    if (name === 'redis') nodeRedis.destroy()
    else ioredis.disconnect()
  })

  it('continues when Redis has forgotten the scripts', async () => {
    const { backplane } = redis.node()
    await backplane.publish('a', text('1'), kept)
    await redis.admin.script('FLUSH')
    expect((await backplane.publish('a', text('2'), kept)).duplicate).toBe(false)
  })

  it('refuses a replica, and keeps no connection to it', async () => {
    const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(redis.server.port)] })
    onTestFinished(() => replica.dispose())
    await replica.followed()
    const { backplane } = redis.node({}, replica.port)
    await expect(backplane.publish('a', text('1'), kept)).rejects.toThrow('is a replica')
    backplane.close()
    await vi.waitFor(async () =>
      expect(String(await replica.command('client', 'list', 'type', 'normal'))).not.toMatch(/\n./),
    )
  })

  it('leaves a server that has become a replica, even if it only listens', async () => {
    const [one, other] = await Promise.all([RedisServer.start(), RedisServer.start()])
    onTestFinished(async () => void (await Promise.all([one.dispose(), other.dispose()])))
    const proxy = await TcpProxy.start(one.port)
    onTestFinished(() => proxy.dispose())
    const { backplane, namespace } = redis.node({ probeIntervalMs: 50 }, proxy.port)
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    proxy.retarget(other.port)
    await one.command('replicaof', '127.0.0.1', String(other.port))
    await one.followed()
    const publisher = redis.node({ namespace }, other.port).backplane
    // A replica passes these on, so it is never silent.
    const chatter = setInterval(() => publisher.publish('a', text('chatter'), { retain: false }).catch(() => {}), 10)
    onTestFinished(() => clearInterval(chatter))
    await recorder.until(({ health }) => health.length === 2)
    await publisher.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.includes('1'))
    expect(recorder.gaps).toContain(undefined)
  })

  it('closes its connections when Redis refuses its scripts', async () => {
    await redis.admin.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '+@all', '%R~*', '&*')
    const client = new Redis({
      port: redis.server.port,
      host: '127.0.0.1',
      lazyConnect: true,
      username: 'reader',
      password: 'secret',
    })
    const { backplane } = redis.node({ client })
    await expect(backplane.publish('a', text('1'), kept)).rejects.toThrow('NOPERM')
    await vi.waitFor(async () => expect(String(await redis.admin.client('LIST'))).not.toContain('user=reader'))
  })
})
