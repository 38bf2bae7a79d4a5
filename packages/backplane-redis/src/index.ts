export { BackplaneUnavailableError } from './errors.js'
export { RedisBackplane, type RedisBackplaneOptions } from './redis-backplane.js'
export type { IoredisClient, NodeRedisClient, RedisClient } from './redis-client.js'
