import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineEvents } from '@rivulet/core'
import { EventManager, type Producing, RunManager } from '@rivulet/server'
import { handleRunStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { RedisBackplane } from '../src/index.js'
import type { Notice, Plan, StartAnswer, StopAnswer } from './run-plan.js'

/**
 * One node of several, as a process of its own. A run is at `/<id>`: `GET` reads it, `POST` starts it with the plan in the
 * body, `DELETE` stops it, `PATCH` forgets it.
 */
const [port, redisPort, afterRestart, leaseMs, maxBytes] = process.argv.slice(2) as [
  string,
  string,
  'gap' | 'trust',
  string,
  string,
]
const events = defineEvents({ token: z.object({ text: z.string(), pad: z.string() }) })
const backplane = new RedisBackplane({
  client: new Redis({ port: Number(redisPort), host: '127.0.0.1', lazyConnect: true }),
  timeoutMs: 1_000,
  probeIntervalMs: 500,
  afterRestart,
})
const manager = new EventManager({
  events,
  backplane,
  heartbeat: { intervalMs: 500 },
  limits: { highWaterMarkBytes: 3_000 },
  onError() {},
})
const runs = new RunManager({ manager, leaseMs: Number(leaseMs), timeoutMs: 3_000, maxBytes: Number(maxBytes) })

function tell(notice: Notice): void {
  process.send?.(notice)
}

async function produce(plan: Plan, { id, publish, signal }: Producing<typeof events>): Promise<void> {
  tell({ id, producer: plan.name })
  const pad = 'x'.repeat(plan.padding)
  for (const [n, pauseMs] of plan.pausesMs.entries()) {
    if (signal.aborted && plan.behaviour !== 'deaf') throw signal.reason
    const published = publish('token', { text: `${plan.name}:${n}`, pad })
    published.then(
      () => tell({ id, producer: plan.name, kept: n }),
      () => tell({ id, producer: plan.name, refused: n }),
    )
    // Half of them are not waited for.
    if (pauseMs > 0) {
      await published
      await sleep(pauseMs)
    }
  }
  if (plan.behaviour === 'hang') await new Promise(() => {})
  if (plan.behaviour === 'fail') throw new Error('no model')
}

async function answer(method: string, id: string, request: IncomingMessage): Promise<unknown> {
  if (method === 'POST') {
    const plan: Plan = JSON.parse(await text(request))
    const { started } = await runs.start(id, {}, (producing) => produce(plan, producing))
    return { started } satisfies StartAnswer
  }
  if (method === 'DELETE') return { ended: await runs.stop(id, 'user') } satisfies StopAnswer
  return runs.forget(id)
}

const server = createServer(async (request, response) => {
  const id = request.url!.slice(1)
  if (request.method === 'GET') {
    return handleRunStream(runs, request, response, { id: () => id, authorize: () => true })
  }
  response.setHeader('Connection', 'close')
  try {
    response.end(JSON.stringify((await answer(request.method!, id, request)) ?? null))
  } catch {
    response.writeHead(503).end()
  }
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
process.on('disconnect', () => process.exit())
