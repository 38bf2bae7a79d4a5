import { backplaneChecks, type CreateBackplane } from '@rivulet/testing/backplane'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { clients } from './clients.test.util.js'
import { RedisBackplane } from './redis-backplane.js'
import { RedisServer } from './redis-server.test.util.js'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.dispose())

let namespaces = 0

describe.each(Object.entries(clients))('with %s', (_, client) => {
  const create: CreateBackplane = ({ retention }) => {
    const namespace = `checks-${namespaces++}`
    const node = () => new RedisBackplane({ client: client(server.port), namespace, retention })
    const [one, other] = [node(), node()]
    return {
      one,
      other,
      dispose() {
        one.close()
        other.close()
      },
    }
  }
  for (const { name, run } of backplaneChecks(create)) it(name, run)
})
