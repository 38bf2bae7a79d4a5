import { spawnSync } from 'node:child_process'
import type { RedisServer } from '../../packages/backplane-redis/test/redis-server.js'

/** Returns `true` if this machine has a Redis to start. Otherwise prints a message and makes the benchmark fail. */
export function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true
  console.error(
    'cluster, channels, redis and runs need redis-server, 7 or newer: apt-get install redis-server, brew install redis.',
  )
  process.exitCode = 1
  return false
}

/** Reads the numbers of one section of INFO. */
export async function infoOf(redis: RedisServer, section: string, ...fields: string[]): Promise<number[]> {
  const text = String(await redis.command('INFO', section))
  return fields.map((field) => Number(new RegExp(`^${field}:([\\d.]+)`, 'm').exec(text)?.[1]))
}

/** CPU that Redis has used so far, including the kernel, in microseconds. */
export async function redisCpu(redis: RedisServer): Promise<number> {
  const [user = Number.NaN, system = Number.NaN] = await infoOf(redis, 'cpu', 'used_cpu_user', 'used_cpu_sys')
  return (user + system) * 1e6
}

/** Number of calls of a Redis command since its statistics were reset, and their cost. */
export async function commandOf(redis: RedisServer, command: string): Promise<{ calls: number; micros: number }> {
  const text = String(await redis.command('INFO', 'commandstats'))
  const [, calls, micros] = new RegExp(`^cmdstat_${command}:calls=(\\d+),usec=(\\d+)`, 'm').exec(text) ?? []
  return { calls: Number(calls), micros: Number(micros) }
}
