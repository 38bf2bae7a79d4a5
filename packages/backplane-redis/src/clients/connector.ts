import { ConfigurationError } from '@rivulet/server'
import { ioredisSlotPrimary } from './ioredis-cluster.js'
import { ioredisConnection } from './ioredis-connection.js'
import { nodeRedisSlotPrimary } from './node-redis-cluster.js'
import { nodeRedisConnection } from './node-redis-connection.js'
import { nodeRedisPrimary } from './node-redis-sentinel.js'
import type { IoredisClient, NodeRedisClient, RedisClient, RedisConnection } from './redis-client.js'
import { slotOf } from './slot.js'

/** Finds the server in charge, and returns a function that opens one connection to it. */
export type Connector = () => Promise<() => RedisConnection>

/**
 * Connects to the Redis server that has a key, in the way of the user's client.
 *
 * @throws {ConfigurationError} if the client is not one of `ioredis` or `redis`.
 */
export function connector(client: RedisClient, key: string, timeoutMs: number): Connector {
  const ofIoredis = (found: IoredisClient) => () => ioredisConnection(found, timeoutMs)
  const ofNodeRedis = (found: NodeRedisClient) => () => nodeRedisConnection(found, timeoutMs)
  if (typeof client?.duplicate === 'function') {
    const slot = slotOf(key)
    if ('nodeClient' in client) return async () => ofNodeRedis(await nodeRedisSlotPrimary(client, slot, timeoutMs))
    if ('getMasterNode' in client) return async () => ofNodeRedis(await nodeRedisPrimary(client, timeoutMs))
    if ('isReady' in client) return async () => ofNodeRedis(client)
    if ('nodes' in client) return async () => ofIoredis(await ioredisSlotPrimary(client, slot, timeoutMs))
    // With sentinels each connection asks them itself. A link checks that both of its connections reached one server.
    if ('status' in client) return async () => ofIoredis(client)
  }
  const fix = 'Pass a client of ioredis or redis. With redis, sentinels require version 6 or newer.'
  throw new ConfigurationError('client', client, fix)
}
