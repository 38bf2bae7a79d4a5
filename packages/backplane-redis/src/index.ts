export type {
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './clients/redis-client.js'
export { BackplaneUnavailableError, RedisSetupError } from './link/errors.js'
export { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'
