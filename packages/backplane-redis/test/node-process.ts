import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { RedisBackplane } from '../src/index.js'

/**
 * One node of several, as a process of its own: `GET` opens a stream, `POST` publishes the number in its body and answers
 * with the event's id. `POST /attempts` publishes as often as its body says and answers with how often that was refused,
 * `POST /heap` answers with how many bytes are in use.
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

async function publish(n: number): Promise<[status: number, answer: string]> {
  try {
    // The same number twice is the same event: who got no answer asks again.
    const { id } = await manager.publish('tick', { n }, { idempotencyKey: String(n) })
    return [200, id!]
  } catch (error) {
    return [(error as { code?: string }).code === 'RIVULET_BACKPLANE_UNAVAILABLE' ? 503 : 500, '']
  }
}

async function attempts(count: number): Promise<number> {
  let refused = 0
  // Many at once, as where nobody waits for the one before.
  for (let n = 0; n < count; n += 1_000) {
    const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => publish(n + index)))
    refused += answers.filter(([status]) => status === 503).length
  }
  return refused
}

async function heap(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    globalThis.gc!()
  }
  return process.memoryUsage().heapUsed
}

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return handleEventStream(manager, request, response)
  const n = Number(await text(request))
  // So that the next request may come to another node.
  response.setHeader('Connection', 'close')
  if (request.url === '/attempts') response.end(String(await attempts(n)))
  else if (request.url === '/heap') response.end(String(await heap()))
  else {
    const [status, answer] = await publish(n)
    response.writeHead(status).end(answer)
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
