import { RedisSetupError } from './errors.js'
import type { Keys } from './keys.js'
import type { RedisConnection } from './redis-client.js'

/** What Redis says to who may not do something; within a script it does not say what. */
const refusal = /^NOPERM|can't (run this command|access at least one of the keys|publish to the channel)/

/**
 * The error that says which right is missing and how to give it, in place of that with which Redis refused something.
 * What it took for another reason stays as it is.
 */
export async function explained(error: unknown, connection: RedisConnection, keys: Keys): Promise<unknown> {
  if (!(error instanceof Error) || !refusal.test(error.message)) return error
  const reason = (await missingRight(connection, keys)) ?? error.message
  const fix = `Give its user these: ACL SETUSER <user> ${keys.rights}`
  return new RedisSetupError('rights', `it refuses what is needed with "${reason}".`, fix, { cause: error })
}

/** What the scripts call, in forms that come to nothing where `*` is a text. */
const calls = `
GET *, PEXPIRE * 1000, EXISTS *, TIME, PUBLISH * 0, PUBSUB NUMSUB *,
HGET * a, HMGET * a, HSET * a a, HDEL * a, HINCRBY * a 1, HKEYS *, HSCAN * 0, SADD * a, SREM * a, SRANDMEMBER *,
XADD * 1-1 a a, XDEL * 1-1, XINFO STREAM *, XRANGE * - +, XREVRANGE * + -, XTRIM * MAXLEN 0, DEL *`

/** Tries them one by one, and returns the first refusal. */
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
