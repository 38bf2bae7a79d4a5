import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { clients } from '../../test/clients.js'
import { RedisServer } from '../../test/redis-server.js'
import { RedisBackplane, type RedisBackplaneOptions } from '../redis-backplane.js'

const kept = { retain: true }
const text = (data: string) => ({ type: 'log', data })

async function startRedis(...args: string[]): Promise<{ server: RedisServer; admin: Redis }> {
  const server = await RedisServer.start({ args })
  const admin = new Redis({ port: server.port, host: '127.0.0.1' })
  onTestFinished(async () => {
    admin.disconnect()
    await server.dispose()
  })
  return { server, admin }
}

function node({ port }: RedisServer, options: Partial<RedisBackplaneOptions> = {}): RedisBackplane {
  const backplane = new RedisBackplane({ client: clients.ioredis!(port), ...options })
  onTestFinished(() => backplane.close())
  return backplane
}

describe('a Redis that evicts keys', () => {
  it.each(['allkeys-lru', 'volatile-ttl'])('is refused, with the fix: %s', async (policy) => {
    const { server, admin } = await startRedis('--maxmemory-policy', policy)
    const backplane = node(server)
    const refusal = { code: 'RIVULET_REDIS_SETUP', problem: 'eviction' }
    await expect(backplane.publish('a', text('1'), kept)).rejects.toMatchObject(refusal)
    await expect(backplane.publish('a', text('1'), kept)).rejects.toThrow('CONFIG SET maxmemory-policy noeviction')
    await expect(backplane.read('a', 0, 1)).rejects.toMatchObject(refusal)
    await expect(backplane.subscribe('a', new Recorder())).rejects.toMatchObject(refusal)
    expect(await admin.dbsize()).toBe(0)
    await admin.config('SET', 'maxmemory-policy', 'noeviction')
    await vi.waitFor(() => backplane.publish('a', text('1'), kept), 5_000)
  })

  it('is used with a warning if the option says so', async () => {
    const { server } = await startRedis('--maxmemory-policy', 'allkeys-lru')
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    onTestFinished(() => warn.mockRestore())
    const backplane = node(server, { eviction: 'warn' })
    expect(await backplane.publish('a', text('1'), kept)).toMatchObject({ duplicate: false })
    expect(warn.mock.calls).toEqual([[expect.stringContaining('allkeys-lru'), { code: 'RIVULET_REDIS_SETUP' }]])
  })

  it('is refused or not', () => {
    const client = clients.ioredis!(1)
    expect(() => new RedisBackplane({ client, eviction: 'maybe' as 'warn' })).toThrow('eviction')
  })
})

describe('a deleted event never goes unnoticed', () => {
  it.each([
    ['the log', ['log:a']],
    ['the positions', ['positions']],
    ['both', ['log:a', 'positions']],
  ])('if %s is gone', async (_, gone) => {
    const { server, admin } = await startRedis()
    const backplane = node(server)
    const { storedPosition } = await backplane.read('a', 0, 0)
    await backplane.publish('a', text('1'), kept)
    for (const key of gone) expect(await admin.del(`{rivulet}:${key}`)).toBe(1)
    const again = node(server)
    for (const reader of [backplane, again]) expect((await reader.read('a', storedPosition, 10)).continuous).toBe(false)
    await again.publish('a', text('2'), kept)
    for (const reader of [backplane, again]) expect((await reader.read('a', storedPosition, 10)).continuous).toBe(false)
  })

  it.each(['allkeys-lru', 'allkeys-random', 'volatile-lru'])(
    'whatever goes, with %s',
    { timeout: 60_000 },
    async (policy) => {
      const { server, admin } = await startRedis('--maxmemory-policy', policy, '--maxmemory-samples', '1')
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
      onTestFinished(() => void vi.restoreAllMocks())
      const backplane = node(server, { eviction: 'warn', timeoutMs: 10_000 })
      const channels = Array.from({ length: 300 }, (_, index) => `channel-${index}`)
      const { storedPosition } = await backplane.read('a', 0, 0)
      await Promise.all(channels.map((channel) => backplane.publish(channel, text('1'), kept)))
      const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1])
      await admin.config('SET', 'maxmemory', String(used))
      let lost = 0
      for (let round = 0; round < 20 && lost === 0; round++) {
        for (let n = 0; n < 20; n++) await admin.set(`other:${round}:${n}`, 'x'.repeat(10_000)).catch(() => sleep(1))
        for (const channel of channels) {
          const { messages, continuous } = await backplane.read(channel, storedPosition, 10)
          if (messages.length === 1) continue
          lost++
          expect(continuous, channel).toBe(false)
        }
      }
      expect(lost).toBeGreaterThan(0)
    },
  )
})
