import { ConfigurationError } from '@rivulet/server'
import { ioredisConnection } from './ioredis-connection.js'
import { nodeRedisConnection } from './node-redis-connection.js'
import { nodeRedisPrimary } from './node-redis-sentinel.js'
import type { RedisClient, RedisConnection } from './redis-client.js'

/** Finds the server in charge, and gives what opens one connection to it. */
export type Connector = () => Promise<() => RedisConnection>

/**
 * What connects to the Redis that has a key, as the user's client would.
 *
 * @throws {ConfigurationError} when the client is none that is known.
 */
export function connector(client: RedisClient, _key: string, timeoutMs: number): Connector {
  if (typeof client?.duplicate === 'function' && !('isCluster' in client && client.isCluster)) {
    if ('getMasterNode' in client) {
      return async () => {
        const primary = await nodeRedisPrimary(client, timeoutMs)
        return () => nodeRedisConnection(primary, timeoutMs)
      }
    }
    if ('isReady' in client) return async () => () => nodeRedisConnection(client, timeoutMs)
    // With sentinels, each connection asks them itself: a link has two, and makes sure that both came to one server.
    if ('status' in client) return async () => () => ioredisConnection(client, timeoutMs)
  }
  throw new ConfigurationError('client', client, 'Give a client of ioredis or redis that is connected to one server.')
}
