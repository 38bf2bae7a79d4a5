import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { RedisServer } from '../../test/redis-server.js'
import { RedisBackplane, type RedisBackplaneOptions } from '../redis-backplane.js'

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

const text = (data: string) => ({ type: 'log', data })

/** A node whose user has all rights, and what takes one of them away, or gives them back. */
async function start(namespace: string, options: Partial<RedisBackplaneOptions> = {}) {
  const allow = (...rights: string[]) => admin.call('ACL', 'SETUSER', namespace, ...rights)
  await allow('on', '>secret', `~{${namespace}}:*`, `&{${namespace}}:*`, '+@all', '-@dangerous', '+info')
  const login = { username: namespace, password: 'secret', lazyConnect: true }
  const client = new Redis({ port: server.port, host: '127.0.0.1', ...login })
  // Above 300 bytes the script has to trim, which takes further rights.
  const bounds = { retention: { maxBytes: 300 }, timeoutMs: 1_000 }
  const backplane = new RedisBackplane({ client, namespace, ...bounds, ...options })
  onTestFinished(() => backplane.close())
  const stored = async () => {
    const entries = await admin.xrange(`{${namespace}}:log:a`, '-', '+')
    return entries.map(([, fields]) => fields.at(-1))
  }
  return { backplane, allow, stored }
}

const commands = 'get hmget hset set pexpire publish time xadd xdel xrange xtrim evalsha'.split(' ')

describe('a missing permission', () => {
  it.each(commands)('is named, and retries store nothing: %s', async (command) => {
    const { backplane, allow, stored } = await start(`lacks-${command}`)
    for (const data of ['1', '2', '3']) await backplane.publish('a', text(data.repeat(90)), { retain: true })
    const before = await stored()
    await allow(`-${command}`)
    const publish = () => backplane.publish('a', text('x'.repeat(200)), { retain: true, idempotencyKey: 'key' })
    for (let attempt = 0; attempt < 3; attempt++) {
      const error = await publish().catch((reason) => reason)
      // The last thing that a publish does: it is stored then, once.
      if (command === 'publish' && !(error instanceof Error)) continue
      expect(error).toMatchObject({ code: 'RIVULET_REDIS_SETUP', problem: 'rights' })
      expect(error.message).toContain(`'${command}'`)
      expect(error.message).toContain(`~{lacks-${command}}:* &{lacks-${command}}:* +@all -@dangerous +info`)
    }
    const event = `3|200|log${'x'.repeat(200)}`
    if (command !== 'publish') expect(await stored()).not.toContain(event)
    if (command === 'xadd') expect(before).toHaveLength(3)
    await allow(`+${command}`)
    await publish()
    expect((await stored()).filter((entry) => entry === event)).toHaveLength(1)
  })

  it.each('hmget hset hget zadd zrem zrangebyscore zlexcount del xadd pexpire publish'.split(' '))(
    'is named, and no run is half begun or half ended: %s',
    async (command) => {
      const { backplane, allow } = await start(`run-lacks-${command}`)
      const { runs } = backplane
      await runs.get('a')
      const bounds = { key: 'k', leaseMs: 60_000, keepMs: 60_000, maxBytes: 1_000, maxRunning: 1 }
      const end = { state: 'done', reason: undefined, message: { type: 'rivulet:end', data: '{}' } } as const
      const steps = [
        () => runs.create('a', { token: 't', ...bounds }),
        () => runs.append('a', 't', 0, [text('1')]),
        () => runs.finish('a', { token: 't' }, end),
      ]
      for (const step of steps) {
        await allow(`-${command}`)
        const error = await Promise.resolve(step()).catch((reason: unknown) => reason)
        if (error instanceof Error) {
          expect(error).toMatchObject({ code: 'RIVULET_REDIS_SETUP', problem: 'rights' })
          expect(error.message).toContain(`'${command}'`)
        }
        await allow(`+${command}`)
        // Stored outputs are not stored again: only the right to pass them on was missing then. The link may be a new one.
        await vi.waitFor<unknown>(step, 5_000)
      }
      const { messages } = await backplane.read('rivulet:run:a', 0, 10)
      expect(messages.map(({ data }) => data)).toEqual(['1', '{}'])
      expect(await runs.list('k', 10)).toMatchObject([{ id: 'a', state: 'done' }])
      expect((await runs.lapsed(10)).nextMs).toBeUndefined()
      expect((await runs.create('b', { token: 't', ...bounds })).created).toBe(true)
    },
  )

  it.each([
    ['a key', 'resetkeys'],
    ['a pub/sub channel', 'resetchannels'],
  ])('is reported at once for %s', async (_, taken) => {
    const { backplane, allow } = await start(taken)
    await allow(taken)
    const error = await backplane.subscribe('a', new Recorder()).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'RIVULET_REDIS_SETUP', problem: 'rights' })
    expect(error.message).toContain(`~{${taken}}:*`)
  })

  it('is reported if Redis cannot forget channels', async () => {
    const { backplane, allow } = await start('sweeps', { probeIntervalMs: 10 })
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    await allow('-hscan')
    await recorder.until(({ health }) => health.length > 0)
    expect(recorder.health[0]).toMatchObject({ code: 'RIVULET_REDIS_SETUP', problem: 'rights' })
    expect((await backplane.publish('a', text('1'), { retain: true })).duplicate).toBe(false)
  })

  it('is not among those in the README', async () => {
    const { backplane } = await start('all')
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    await backplane.publish('a', text('1'), { retain: true, idempotencyKey: '1' })
    await recorder.until(({ data }) => data.length === 1)
    await backplane.registry.beat('n', { connections: 1, ttlMs: 1_000 })
    await backplane.registry.update('n', [{ channel: 'a', connectionId: 'c', member: '1' }])
    expect(await backplane.registry.members('a')).toHaveLength(1)
    expect(await backplane.seek('a', 1)).toBeGreaterThan(0)
    const { runs } = backplane
    await runs.create('r', { token: 't', key: 'k', leaseMs: 1, keepMs: 1_000, maxBytes: 300, maxRunning: 2 })
    await expect.poll(async () => (await runs.lapsed(10)).ids).toEqual(['r'])
    await runs.renew([{ id: 'r', token: 't' }], 1_000)
    const end = { state: 'failed', reason: 'x', message: { type: 'rivulet:end', data: '{}' } } as const
    expect(await runs.finish('r', 'lapsed', end)).toBe(true)
    expect(await runs.list('k', 10)).toMatchObject([{ state: 'failed' }])
    expect((await backplane.read('rivulet:run:r', 0, 10)).messages).toHaveLength(1)
    expect(await runs.forget('r')).toBe(true)
  })
})
