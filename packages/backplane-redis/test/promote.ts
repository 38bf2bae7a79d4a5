import { setTimeout as sleep } from 'node:timers/promises'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { RedisServer } from './redis-server.js'

/**
 * Has a primary die, and a replica promoted that lags behind it: replication is asynchronous, so what the primary
 * acknowledged last, the replica may not have. Gives the promoted one, to which all ways lead then.
 */
export async function promote(primary: RedisServer, ways: readonly TcpProxy[], lagMs: number): Promise<RedisServer> {
  const toPrimary = await TcpProxy.start(primary.port)
  const replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(toPrimary.port)] })
  await replica.followed()
  toPrimary.dispose()
  await sleep(lagMs)
  await primary.dispose()
  await replica.command('replicaof', 'no', 'one')
  for (const way of ways) way.retarget(replica.port)
  return replica
}
