import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { RedisBackplane } from '../src/index.js'

/** One node of a cluster, as a process of its own: `GET` opens a stream, `POST` publishes the number in its body. */
const [port, redisPort] = process.argv.slice(2).map(Number)
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const backplane = new RedisBackplane({
  client: new Redis({ port: redisPort!, host: '127.0.0.1', lazyConnect: true }),
  retention: { maxEvents: 100_000 },
  timeoutMs: 300,
  afterRestart: 'trust',
})
const manager = new EventManager({ events, backplane, retryMs: 100, heartbeat: { intervalMs: 1_000 }, onError() {} })

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return handleEventStream(manager, request, response)
  const n = Number(await text(request))
  // The same number twice is the same event: who got no answer asks again.
  const published = await manager.publish('tick', { n }, { idempotencyKey: String(n) }).then(
    () => 200,
    (error) => (error.code === 'RIVULET_BACKPLANE_UNAVAILABLE' ? 503 : 500),
  )
  response.writeHead(published).end()
})
server.listen(port, '127.0.0.1', () => console.log('listening'))
