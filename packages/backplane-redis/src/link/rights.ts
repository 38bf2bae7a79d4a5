import type { RedisConnection } from '../clients/redis-client.js'
import { RedisSetupError } from './errors.js'
import type { Keys } from './keys.js'

/** Redis's answers to a user who lacks a right. Within a script it does not name the command. */
const refusal = /^NOPERM|can't (run this command|access at least one of the keys|publish to the channel)/

/**
 * Replaces Redis's refusal with an error that names the missing right and the way to give it. Every other error stays as
 * it is.
 */
export async function explained(error: unknown, connection: RedisConnection, keys: Keys): Promise<unknown> {
  if (!(error instanceof Error) || !refusal.test(error.message)) return error
  const reason = (await missingRight(connection, keys)) ?? error.message
  const fix = `Grant the user these rights: ACL SETUSER <user> ${keys.rights}`
  return new RedisSetupError('rights', `it rejected a command with "${reason}".`, fix, { cause: error })
}

/** The commands of the scripts, in forms that change nothing; `*` stands for a key without a value. */
const calls = `
GET *, PEXPIRE * 1000, EXISTS *, TIME, PUBLISH * 0, PUBSUB NUMSUB *,
HGET * a, HMGET * a, HSET * a a, HDEL * a, HINCRBY * a 1, HKEYS *, HSCAN * 0, SADD * a, SREM * a, SRANDMEMBER *,
ZADD * XX 0 a, ZREM * a, ZRANGE * 0 0, ZRANGEBYSCORE * 0 0, ZREVRANGEBYLEX * + -, ZLEXCOUNT * - +,
XADD * 1-1 a a, XDEL * 1-1, XINFO STREAM *, XRANGE * - +, XREVRANGE * + -, XTRIM * MAXLEN 0, DEL *`

/** Tries the commands one by one, and returns the first refusal. */
async function missingRight(connection: RedisConnection, { probe }: Keys): Promise<string | undefined> {
  for (const call of ['SET * a PX 1000', ...calls.split(',')]) {
    const command = call
      .trim()
      .split(' ')
      .map((part) => (part === '*' ? probe : part))
    const message = await connection.send(command).then(() => '', String)
    const [noPermission] = /NOPERM.*/.exec(message) ?? []
    if (noPermission) return noPermission
  }
  return undefined
}
