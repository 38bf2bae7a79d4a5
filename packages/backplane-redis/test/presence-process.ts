import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { Redis } from 'ioredis'
import { RedisBackplane } from '../src/index.js'

/** A node with one stream, whose name is shown to the others. */
const [redisPort, name] = process.argv.slice(2) as [string, string]
const client = new Redis({ port: Number(redisPort), host: '127.0.0.1', lazyConnect: true })
const manager = new EventManager({
  events: defineEvents({}),
  backplane: new RedisBackplane({ client }),
  presence: { nodeTimeoutMs: 600, onChange: () => console.log('joined') },
})
const server = createServer((request, response) =>
  handleEventStream(manager, request, response, { channels: ['room'], presence: () => ({ name }) }),
)
server.listen(0, '127.0.0.1', () => void fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`))
