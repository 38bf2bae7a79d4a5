import { fileURLToPath } from 'node:url'
import { RedisBackplane } from '@rivulet/backplane-redis'
import { EventManager } from '@rivulet/server'
import { eventStream } from '@rivulet/server-express'
import express from 'express'
import { Redis } from 'ioredis'
import { events, nodeHeader, streamPath } from '../shared/events.js'

// One node of the cluster. It knows Redis, but none of the other nodes.

const { NODE: name = '?', PORT: port, REDIS_PORT: redisPort } = process.env

const manager = new EventManager({
  events,
  source: name,
  retryMs: 250,
  backplane: new RedisBackplane({
    client: new Redis({ port: Number(redisPort), host: '127.0.0.1', lazyConnect: true }),
    retention: { maxEvents: 5_000 },
    // Redis writes each event to disk before it answers (see redis.ts), so a restart of Redis loses none.
    afterRestart: 'trust',
  }),
  // Short enough to watch: the pages of a killed node are gone after three seconds.
  presence: { nodeTimeoutMs: 3_000, onChange: () => void tellPages().catch(() => {}) },
})

/** Counts the pages of all nodes. Simultaneous changes may be published twice; readers use the last count. */
async function tellPages(): Promise<void> {
  const nodes: Record<string, number> = {}
  for (const { info } of await manager.presence('default')) {
    const { node } = info as { node: string }
    nodes[node] = (nodes[node] ?? 0) + 1
  }
  await manager.publish('pages', { nodes })
}

const app = express()
app.disable('x-powered-by')
app.use((_request, response, next) => {
  response.setHeader(nodeHeader, name)
  next()
})
app.get(streamPath, eventStream(manager, { replay: 20, presence: () => ({ node: name }) }))
app.post('/api/lines/:n', express.text(), async (request, response) => {
  const { n } = request.params
  try {
    // The same number is the same event, so an unacknowledged line can be sent again through any node.
    await manager.publish('line', { n: Number(n), text: request.body }, { idempotencyKey: n })
    response.sendStatus(204)
  } catch (error) {
    response.status(503).send((error as Error).message)
  }
})
app.post('/api/kill', (_request, response) => {
  response.sendStatus(202)
  response.on('finish', () => process.kill(process.pid, 'SIGKILL'))
})
app.use(express.static(fileURLToPath(new URL('../web', import.meta.url))))

app.listen(Number(port), '127.0.0.1', () => process.send?.('listening'))

// The cluster has ended, so this node ends too.
process.on('disconnect', () => process.exit())
