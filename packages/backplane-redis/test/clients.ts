import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { RedisClient } from '../src/clients/redis-client.js'

/** Each library's client, made but not connected: the backplane needs no more of it. */
export const clients: Readonly<Record<string, (port: number) => RedisClient>> = {
  ioredis: (port) => new Redis({ port, host: '127.0.0.1', lazyConnect: true }),
  'node-redis': (port) => createClient({ url: `redis://127.0.0.1:${port}` }),
}
