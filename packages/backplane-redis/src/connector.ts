import { ConfigurationError } from '@rivulet/server'
import { ioredisConnection } from './ioredis-connection.js'
import { nodeRedisConnection } from './node-redis-connection.js'
import type { RedisClient, RedisConnection } from './redis-client.js'

/**
 * What opens one connection to the Redis that has a key, as the user's client would.
 *
 * @throws {ConfigurationError} when the client is none that is known.
 */
export function connector(client: RedisClient, _key: string, timeoutMs: number): () => RedisConnection {
  if (typeof client?.duplicate === 'function' && !('isCluster' in client && client.isCluster)) {
    if ('isReady' in client) return () => nodeRedisConnection(client, timeoutMs)
    if ('status' in client) return () => ioredisConnection(client, timeoutMs)
  }
  throw new ConfigurationError('client', client, 'Give a client of ioredis or redis that is connected to one server.')
}
