import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { clients } from '../test/clients.js'
import { ClusterNode } from '../test/node-cluster.js'
import { RedisServer } from '../test/redis-server.js'
import { RedisBackplane } from './redis-backplane.js'

const streams = 100
const megabyte = 1_048_576

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function heapInUse(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.dispose())
  return redis
}

async function openStreams(url: string): Promise<void> {
  for (let n = 0; n < streams; n++) {
    const request = get(url, { agent: false })
    onTestFinished(() => void request.destroy())
    const [response] = await once(request, 'response')
    response.on('error', () => {}).resume()
    request.on('error', () => {})
  }
}

describe('an outage uses no memory', () => {
  it('no matter how much is published meanwhile', { timeout: 60_000 }, async () => {
    const redis = await startRedis()
    const node = await ClusterNode.start(redis.port, { afterRestart: 'gap' })
    onTestFinished(() => node.dispose())
    const url = `http://127.0.0.1:${node.port}`
    const post = async (path: string, body: number) =>
      Number(await (await fetch(url + path, { method: 'POST', body: String(body) })).text())
    await openStreams(url)
    node.toRedis.cut()
    // By then code is compiled and buffers have grown.
    await vi.waitFor(async () => expect(await post('/attempts', 10_000)).toBe(10_000), 10_000)
    const before = await post('/heap', 0)
    expect(await post('/attempts', 100_000)).toBe(100_000)
    const after = await post('/heap', 0)
    // To keep a number for each would take as much.
    expect(after - before).toBeLessThan(megabyte)
  })

  it.each(Object.entries(clients))('however long it lasts, with %s', { timeout: 60_000 }, async (_, client) => {
    const redis = await startRedis()
    const proxy = await TcpProxy.start(redis.port)
    onTestFinished(() => proxy.dispose())
    const backplane = new RedisBackplane({ client: client(proxy.port) })
    onTestFinished(() => backplane.close())
    const events = defineEvents({ tick: z.object({ n: z.number() }) })
    const manager = new EventManager({ events, backplane, onError() {} })
    const server = createServer((request, response) => handleEventStream(manager, request, response))
    onTestFinished(async () => {
      server.closeAllConnections()
      server.close()
      await manager.close()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    await openStreams(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)

    // Hours pass in seconds; what the system does keeps its pace.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    proxy.cut()
    const attempts = async (count: number) => {
      const enough = proxy.refused + count
      while (proxy.refused < enough) {
        await vi.advanceTimersByTimeAsync(1_000)
        await setImmediate()
      }
    }
    await attempts(200)
    const before = await heapInUse()
    await attempts(1_000)
    const after = await heapInUse()
    // Less than half of what the connections that were tried would take.
    expect(after - before).toBeLessThan(3 * megabyte)
    expect(manager.stats().connections).toBe(streams)
  })
})
