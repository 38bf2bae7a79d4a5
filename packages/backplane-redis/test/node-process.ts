import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { RedisBackplane } from '../src/index.js'

/**
 * One node of several, as a process of its own: `GET` opens a stream, `POST` publishes the number in its body and answers
 * with the event's id.
 */
const [port, redisPort, afterRestart] = process.argv.slice(2) as [string, string, 'gap' | 'trust']
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const backplane = new RedisBackplane({
  client: new Redis({ port: Number(redisPort), host: '127.0.0.1', lazyConnect: true }),
  retention: { maxEvents: 100_000 },
  timeoutMs: 300,
  afterRestart,
})
const manager = new EventManager({ events, backplane, retryMs: 100, heartbeat: { intervalMs: 1_000 }, onError() {} })

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return handleEventStream(manager, request, response)
  const n = Number(await text(request))
  // So that the next attempt may come to another node.
  response.setHeader('Connection', 'close')
  // The same number twice is the same event: who got no answer asks again.
  try {
    const { id } = await manager.publish('tick', { n }, { idempotencyKey: String(n) })
    response.end(id)
  } catch (error) {
    response.writeHead((error as { code?: string }).code === 'RIVULET_BACKPLANE_UNAVAILABLE' ? 503 : 500).end()
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
