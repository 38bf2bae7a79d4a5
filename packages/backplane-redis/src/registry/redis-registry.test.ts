import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { bundled } from '../../../../test-support/bundled.js'
import { endProcess } from '../../../../test-support/end-process.js'
import { TcpProxy } from '../../../../test-support/tcp-proxy.js'
import { clients } from '../../test/clients.js'
import { RedisServer, type RedisServerOptions } from '../../test/redis-server.js'
import { RedisBackplane, type RedisBackplaneOptions } from '../redis-backplane.js'

const events = defineEvents({ tick: z.object({ n: z.number() }) })
const nodeTimeoutMs = 600
const timeout = 10_000

async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const redis = await RedisServer.start(options)
  onTestFinished(() => redis.dispose())
  return redis
}

/** A node in this process, with its own way to Redis. */
async function startNode(redis: RedisServer, options: Partial<RedisBackplaneOptions> = {}) {
  const proxy = await TcpProxy.start(redis.port)
  const backplane = new RedisBackplane({ client: clients.ioredis!(proxy.port), timeoutMs: 500, ...options })
  const told: string[] = []
  const manager = new EventManager({
    events,
    backplane,
    retryMs: 50,
    presence: { nodeTimeoutMs, onChange: ({ change, member }) => told.push(`${change} ${nameOf(member)}`) },
    onError() {},
  })
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost')
    const name = pathname.slice(1)
    const authorize = () => ({ context: name, key: name })
    return handleEventStream(manager, request, response, { authorize, channels: ['room'], presence: () => ({ name }) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await manager.close()
    backplane.close()
    proxy.dispose()
    server.closeAllConnections()
    server.close()
  })
  const connect = async (name: string) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}`
    const stream = new EventStreamService({ url, events, retry: { maxMs: 200 } })
    onTestFinished(() => stream.close())
    stream.onError(() => {})
    stream.connect()
    await expect.poll(() => stream.state.status, { timeout }).toBe('open')
    return stream
  }
  const names = async () => (await manager.presence('room')).map(nameOf).sort()
  return { manager, proxy, told, connect, names }
}

function nameOf({ info }: { info: unknown }): string {
  return (info as { name: string }).name
}

describe('presence across nodes', () => {
  it('is the same on all nodes, and forgets the streams of a killed process', async () => {
    const redis = await startRedis()
    const node = await startNode(redis)
    await node.connect('ada')
    const program = await bundled(new URL('../../test/presence-process.ts', import.meta.url))
    const child = spawn(process.execPath, [program, String(redis.port), 'bob'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => endProcess(child, 'SIGKILL'))
    await once(child.stdout, 'data')
    expect(await node.names()).toEqual(['ada', 'bob'])
    expect(await node.manager.nodes()).toHaveLength(2)
    await endProcess(child, 'SIGKILL')
    await expect.poll(() => node.told, { timeout }).toEqual(['join ada', 'leave bob'])
    expect(await node.names()).toEqual(['ada'])
    expect(await node.manager.nodes()).toHaveLength(1)
    await expect.poll(() => redis.command('keys', '{rivulet}:entries:*'), { timeout }).toHaveLength(1)
  })

  it('is restored when Redis has lost its data', async () => {
    const redis = await startRedis()
    const nodes = [await startNode(redis), await startNode(redis)] as const
    await nodes[0].connect('ada')
    await nodes[1].connect('bob')
    await redis.command('flushall')
    for (const { names } of nodes) await expect.poll(names, { timeout }).toEqual(['ada', 'bob'])
  })

  it('is restored when Redis has lost the latest writes', async () => {
    const redis = await startRedis()
    const node = await startNode(redis)
    const ada = await node.connect('ada')
    await expect.poll(node.names, { timeout }).toEqual(['ada'])
    const [entries] = (await redis.command('keys', '{rivulet}:entries:*')) as [string]
    const keys = ['{rivulet}:nodes', entries, '{rivulet}:members:room']
    for (const key of keys) await redis.command('copy', key, `${key}:before`)
    ada.close()
    await node.connect('bob')
    await expect.poll(node.names, { timeout }).toEqual(['bob'])
    // As if Redis came back with what it had written before.
    for (const key of keys) expect(await redis.command('copy', `${key}:before`, key, 'replace')).toBe(1)
    await expect.poll(node.names, { timeout }).toEqual(['bob'])
  })

  it('is brought up to date after an outage', async () => {
    const redis = await startRedis()
    const nodes = [await startNode(redis), await startNode(redis)] as const
    const ada = await nodes[0].connect('ada')
    await nodes[0].connect('cleo')
    await nodes[1].connect('bob')
    nodes[0].proxy.cut()
    ada.close()
    // Its time passes.
    await expect.poll(nodes[1].names, { timeout }).toEqual(['bob'])
    nodes[0].proxy.mend()
    for (const { names } of nodes) await expect.poll(names, { timeout }).toEqual(['bob', 'cleo'])
  })
})

describe('presence with very many members', () => {
  it('is read in pages, each member once, and counted without reading', async () => {
    const redis = await startRedis()
    const backplane = new RedisBackplane({ client: clients.ioredis!(redis.port) })
    onTestFinished(() => backplane.close())
    const { registry } = backplane
    const nodes = ['n1', 'n2', 'n3']
    for (const node of nodes) await registry.beat(node, { connections: 1, ttlMs: 60_000 })
    const entries = (node: string, from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => `${node}-${from + index}`).map((connectionId) => ({
        channel: 'room',
        connectionId,
        member: `"${connectionId}"`,
      }))
    for (const node of nodes)
      for (let from = 0; from < 3_000; from += 500) await registry.update(node, entries(node, from, from + 500))
    // The same once more changes nothing.
    await registry.update('n1', entries('n1', 0, 500))
    await redis.command('config', 'resetstat')
    expect(await registry.count!('room')).toBe(9_000)
    expect(await registry.count!('elsewhere')).toBe(0)
    const members = await registry.members('room')
    expect(new Set(members.map(({ connectionId }) => connectionId)).size).toBe(9_000)
    expect(members).toHaveLength(9_000)
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.command('info', 'commandstats')))!
    expect(Number(calls)).toBeGreaterThan(9)
    await registry.update(
      'n1',
      entries('n1', 0, 500).map((entry) => ({ ...entry, member: undefined })),
    )
    // It is taken for dead, though its entries are there.
    await registry.beat('n2', { connections: 1, ttlMs: 0 })
    expect(await registry.count!('room')).toBe(5_500)
    expect(await registry.members('room')).toHaveLength(5_500)
    while ((await registry.evict('n2', 'n1')).length > 0) {}
    for (const node of ['n1', 'n3']) while ((await registry.evict(node, node)).length > 0) {}
    expect(await registry.count!('room')).toBe(0)
    expect(await redis.command('exists', '{rivulet}:members:room')).toBe(0)
  })
})

describe('a disconnect on every node', () => {
  it('reaches a node that is cut off as soon as it is back', async () => {
    const redis = await startRedis()
    const nodes = [await startNode(redis), await startNode(redis)] as const
    const eve = await nodes[0].connect('eve')
    const ada = await nodes[0].connect('ada')
    nodes[0].proxy.cut()
    await nodes[1].manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    expect(eve.state.status).toBe('open')
    nodes[0].proxy.mend()
    await expect.poll(() => eve.state.status, { timeout }).toBe('closed')
    expect(ada.state.status).toBe('open')
  })

  it('reaches it even if Redis loses its data meanwhile', async () => {
    const redis = await startRedis()
    const nodes = [await startNode(redis), await startNode(redis)] as const
    const eve = await nodes[0].connect('eve')
    await nodes[1].connect('ada')
    nodes[0].proxy.cut()
    await nodes[1].manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    await redis.kill()
    await redis.start()
    nodes[0].proxy.mend()
    await expect.poll(() => eve.state.status, { timeout }).toBe('closed')
  })
})
