import { afterAll, beforeAll, describe, it } from 'vitest'
import { clients } from '../test/clients.js'
import { redisChecks } from '../test/redis-checks.js'
import { RedisServer } from '../test/redis-server.js'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.dispose())

describe.each(Object.entries(clients))('with %s', (_, client) => {
  for (const { name, run } of redisChecks(() => client(server.port))) it(name, run)
})
