import type { ReadResult } from '@rivulet/server'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'
import { countOf, entriesAt, entrySize, putEntries } from './entries.js'
import { bound, type RedisBounds } from './retention.js'

/** A read of a channel's log from a position on. */
export interface ReadRequest {
  readonly channel: string
  readonly bounds: RedisBounds
  readonly after: number
  readonly limit: number
}

/** A search for the position before a channel's last events. */
export interface SeekRequest {
  readonly channel: string
  readonly bounds: RedisBounds
  readonly count: number
  /** Only events at lower positions count. `undefined`: all. */
  readonly before: number | undefined
}

/** Reads channels' logs at one moment. `known` is the highest position that this node knows. */
export async function readLogs(
  link: RedisLink,
  keys: Keys,
  known: number,
  requests: readonly ReadRequest[],
): Promise<ReadResult[]> {
  const values = requests.flatMap(({ channel, after, limit, bounds }) => [
    keys.head(channel),
    after,
    countOf(limit),
    bound(bounds.maxAgeMs),
  ])
  const reply = await link.call(read, namesOf(keys, requests), [known, ...values])
  const storedPosition = Number(reply[0])
  const origin = Number(reply[1])
  const clock = Number(reply[2])
  let next = 3
  return requests.map(({ after, limit }) => {
    const lastPosition = Number(reply[next])
    const found = Number(reply[next + 1])
    next += 2
    const messages = entriesAt(reply, next, found)
    next += entrySize * found
    // A position that was not given yet belongs to another history.
    const known = after >= origin && after <= Math.max(storedPosition, clock)
    let cursor = after
    let continuous = known
    for (const { position, previous } of messages) {
      continuous &&= previous <= cursor
      cursor = position
    }
    if (found < countOf(limit)) continuous &&= lastPosition <= cursor
    if (limit === 0) messages.pop()
    if (continuous) return { messages, continuous, lastPosition, storedPosition, clock }
    return { messages, continuous, reason: known ? 'trimmed' : 'restarted', lastPosition, storedPosition, clock }
  })
}

/** Finds positions in channels' logs at one moment. */
export async function seekLogs(
  link: RedisLink,
  keys: Keys,
  known: number,
  requests: readonly SeekRequest[],
): Promise<number[]> {
  const values = requests.flatMap(({ channel, count, before, bounds }) => [
    keys.head(channel),
    count,
    bound(bounds.maxAgeMs),
    before === undefined ? '+' : Math.max(0, before - 1),
  ])
  const reply = await link.call(seek, namesOf(keys, requests), [known, ...values])
  return reply.map(Number)
}

function namesOf(keys: Keys, requests: readonly { readonly channel: string }[]): string[] {
  return [keys.clock, ...requests.map(({ channel }) => keys.log(channel))]
}

/**
 * Lua: sets `told` to the time that clients are told. It is stored, so that no event gets a lower position after the clock was
 * set back.
 */
export const tellTime = `
local second = math.floor(now / 1000) * 1024000 - 1
local wrote = second > told and redis.pcall('HSET', KEYS[1], 'n', text(second))
if wrote and not (type(wrote) == 'table' and wrote.err) then told = second end
`

/**
 * KEYS: clock, then logs. ARGV: known, then per read: field of the head, after, limit, maxAgeMs.
 * → { last, origin, clock, then per read: head, number of events, then per event: id, previous, event }
 */
export const read: Script = script(`${tellTime}${putEntries}
local reply = { text(last), text(origin), text(told) }
local size = 3
for index = 2, #KEYS do
  local log, at = KEYS[index], index * 4 - 6
  local after, limit, maxAge = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local from = after + 1
  if maxAge >= 0 then from = math.max(from, (now - maxAge) * 1024) end
  local entries = redis.call('XRANGE', log, text(from), '+', 'COUNT', limit)
  reply[size + 1], reply[size + 2] = text(keptOf(redis.call('HGET', KEYS[1], ARGV[at]))), text(#entries)
  size = putEntries(reply, size + 2, entries)
end
return reply
`)

/** KEYS: clock, log. ARGV: known. Drops the log, and leaves the head: the next event follows the last one. */
export const forget: Script = script(`
redis.call('DEL', KEYS[2])
return {}
`)

/** KEYS: clock, then logs. ARGV: known, then per search: field of the head, count, maxAgeMs, last position. → the positions */
export const seek: Script = script(`
local reply = {}
for index = 2, #KEYS do
  local log, at = KEYS[index], index * 4 - 6
  local count, maxAge = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local from = maxAge >= 0 and text(math.max(0, now - maxAge) * 1024) or '-'
  local entries = count > 0 and redis.call('XREVRANGE', log, ARGV[at + 3], from, 'COUNT', count) or {}
  reply[index - 1] = #entries > 0 and entries[#entries][2][2] or text(keptOf(redis.call('HGET', KEYS[1], ARGV[at])))
end
return reply
`)
