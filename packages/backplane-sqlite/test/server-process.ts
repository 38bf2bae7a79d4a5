import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { defineEvents, systemClock } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'
import { SqliteBackplane } from '../src/index.js'
import type { OpenDatabase } from './drivers.js'

/**
 * A server on a file, whose clock may be wrong: `GET` opens a stream, `POST` publishes the numbers in its body in one turn, and
 * answers with their ids.
 */
const [libsql, file, port, clockOffsetMs] = process.argv.slice(2) as [string, string, string, string]
const Database = createRequire(libsql)(libsql) as new (path: string) => OpenDatabase
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const backplane = new SqliteBackplane({
  database: new Database(file),
  retention: { maxEvents: 100_000, maxAgeMs: Infinity },
  // The clock jumps further than the default.
  idempotencyWindowMs: Infinity,
  clock: { ...systemClock, now: () => Date.now() + Number(clockOffsetMs) },
})
const manager = new EventManager({ events, backplane, retryMs: 20, heartbeat: { intervalMs: 1_000 } })

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return handleEventStream(manager, request, response)
  const numbers: number[] = JSON.parse(await text(request))
  // The same number twice is the same event: who got no answer asks again.
  const published = numbers.map((n) => manager.publish('tick', { n }, { idempotencyKey: String(n) }))
  response.end(JSON.stringify((await Promise.all(published)).map(({ id }) => id)))
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
