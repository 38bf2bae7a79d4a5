export { BackplaneUnavailableError, RedisSetupError } from './errors.js'
export { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'
export type {
  IoredisClient,
  IoredisCluster,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
  RedisClient,
} from './redis-client.js'
