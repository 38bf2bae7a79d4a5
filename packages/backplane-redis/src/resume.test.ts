import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { listen, openStream } from '../../server/test/stream-client.js'
import { OneRedis } from '../test/one-redis.js'
import { RedisServer } from '../test/redis-server.js'

const redis = new OneRedis()
const events = defineEvents({ tick: z.object({ n: z.number() }) })

it('tells a client that was away what a promoted replica lacks, behind the events that it has', async () => {
  const toReplica = await TcpProxy.start(redis.server.port)
  const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(toReplica.port)] })
  onTestFinished(() => replica.dispose())
  const { backplane, proxy } = await redis.behindProxy({ retention: { maxEvents: 1_000 } })
  const health: unknown[] = []
  await backplane.subscribe('other', { onMessage() {}, onGap() {}, onHealth: (error) => void health.push(error) })
  const manager = new EventManager({ events, backplane, onError() {} })
  onTestFinished(() => manager.close())
  const url = await listen(createServer((request, response) => handleEventStream(manager, request, response)))
  const publish = (n: number) => manager.publish('tick', { n })

  const { id } = await publish(0)
  await publish(1)
  await publish(2)
  await replica.followed()
  toReplica.dispose()
  await publish(3)
  await replica.command('replicaof', 'no', 'one')
  proxy.retarget(replica.port)
  proxy.cut()
  proxy.mend()
  await expect.poll(() => health.length).toBe(2)
  await publish(4)
  const { messages, until } = await openStream(url, { headers: { 'last-event-id': id! } })
  await until(({ event, data }) => event === 'tick' && JSON.parse(data).n === 4)
  const told = messages.map(({ event, data }) => (event === 'tick' ? JSON.parse(data).n : event))
  expect(told).toEqual(['rivulet:open', 'rivulet:gap', 1, 2, 'rivulet:gap', 4])
})
