import type { RedisConnection } from './redis-client.js'

/** What a primary says of itself. */
export interface ServerInfo {
  /** Of its process. */
  readonly run: string
  /** `maxmemory-policy`; `undefined` where the server does not tell. */
  readonly evictionPolicy: string | undefined
}

/** Rejects where the server is a replica, or does not tell who it is. */
export async function primaryInfo(connection: RedisConnection): Promise<ServerInfo> {
  const info = String(await connection.send(['INFO', 'server', 'replication', 'memory']))
  const run = /run_id:(\w+)/.exec(info)?.[1]
  if (!run) throw new Error('INFO does not tell the run_id of Redis, without which a restart cannot be noticed.')
  if (!/role:master/.test(info)) throw new Error('This Redis is a replica: it lags behind, and takes no events.')
  return { run, evictionPolicy: /maxmemory_policy:(\S+)/.exec(info)?.[1] }
}

/** The number of the database that a connection works on, as the server knows it. */
export async function databaseOf(connection: RedisConnection): Promise<number> {
  const database = / db=(\d+)/.exec(String(await connection.send(['CLIENT', 'INFO'])))?.[1]
  if (!database) throw new Error('CLIENT INFO does not tell the number of the database.')
  return Number(database)
}
