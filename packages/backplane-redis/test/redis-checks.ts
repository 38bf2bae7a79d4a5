import { type BackplaneCheck, backplaneChecks } from '@rivulet/testing/backplane'
import type { RedisClient } from '../src/clients/redis-client.js'
import { RedisBackplane } from '../src/redis-backplane.js'

let namespaces = 0

/** The checks of every backplane, each with two nodes in a namespace of their own (so in any slot of a cluster). */
export function redisChecks(client: () => RedisClient): readonly BackplaneCheck[] {
  return backplaneChecks(({ retention }) => {
    const namespace = `checks-${namespaces++}`
    const node = () => new RedisBackplane({ client: client(), namespace, retention })
    const [one, other] = [node(), node()]
    return {
      one,
      other,
      dispose() {
        one.close()
        other.close()
      },
    }
  })
}
