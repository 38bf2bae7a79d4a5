import { RedisServer } from '../../packages/backplane-redis/src/redis-server.test.util.js'

/** Starts a Redis that keeps nothing on disk, on a free port. `undefined`, and it says so, where there is none on this machine. */
export async function startRedis(...args: string[]): Promise<RedisServer | undefined> {
  try {
    return await RedisServer.start({ args })
  } catch (error) {
    console.error(`This needs redis-server, 7 or newer (apt-get install redis-server, brew install redis).\n${error}`)
    process.exitCode = 1
    return undefined
  }
}

/** Numbers of one section of what INFO tells. */
export async function infoOf(redis: RedisServer, section: string, ...fields: string[]): Promise<number[]> {
  const text = String(await redis.command('INFO', section))
  return fields.map((field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(text)?.[1]))
}

/** What Redis has used so far, kernel included, in microseconds. */
export async function redisCpu(redis: RedisServer): Promise<number> {
  const [user = Number.NaN, system = Number.NaN] = await infoOf(redis, 'cpu', 'used_cpu_user', 'used_cpu_sys')
  return (user + system) * 1e6
}
