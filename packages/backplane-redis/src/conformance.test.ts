import { afterAll, beforeAll, describe, it } from 'vitest'
import { clients } from './clients.test.util.js'
import { redisChecks } from './redis-checks.test.util.js'
import { RedisServer } from './redis-server.test.util.js'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.dispose())

describe.each(Object.entries(clients))('with %s', (_, client) => {
  for (const { name, run } of redisChecks(() => client(server.port))) it(name, { timeout: 20_000 }, run)
})
