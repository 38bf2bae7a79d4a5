import type { RedisConnection } from '../clients/redis-client.js'

/** A primary's description of itself. */
export interface ServerInfo {
  /** Identifies its process: another one after each start. */
  readonly runId: string
  /** `maxmemory-policy`; `undefined` if the server does not tell it. */
  readonly evictionPolicy: string | undefined
}

/** Rejects if the server is a replica, or does not tell its run ID. */
export async function primaryInfo(connection: RedisConnection): Promise<ServerInfo> {
  const info = String(await connection.send(['INFO', 'server', 'replication', 'memory']))
  const runId = /run_id:(\w+)/.exec(info)?.[1]
  if (!runId) throw new Error('INFO does not report the run_id of Redis, which is needed to notice a restart.')
  if (!/role:master/.test(info)) throw new Error('This Redis is a replica: it lags behind and accepts no writes.')
  return { runId, evictionPolicy: /maxmemory_policy:(\S+)/.exec(info)?.[1] }
}

/** The number of the database that a connection uses, according to the server. */
export async function databaseOf(connection: RedisConnection): Promise<number> {
  const database = / db=(\d+)/.exec(String(await connection.send(['CLIENT', 'INFO'])))?.[1]
  if (!database) throw new Error('CLIENT INFO does not report the number of the database.')
  return Number(database)
}
