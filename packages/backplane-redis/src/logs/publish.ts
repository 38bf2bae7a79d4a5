import type { BackplaneMessage, PublishOptions, PublishResult } from '@rivulet/server'
import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'
import { encodeEvent } from './event-text.js'
import { fit } from './fit.js'
import { bound, type RedisBounds } from './retention.js'

export interface PublishSettings {
  readonly keys: Keys
  readonly history: History
  readonly timeoutMs: number
  readonly idempotencyWindowMs: number
}

export interface PublishRequest {
  readonly channel: string
  readonly bounds: RedisBounds
  readonly message: BackplaneMessage
  readonly options: PublishOptions
}

/** Stores an event and passes it on, unless Redis comes to it only after its timeout. */
export async function publishEvent(
  link: RedisLink,
  settings: PublishSettings,
  request: PublishRequest,
): Promise<PublishResult> {
  const { history } = settings
  let [outcome, text, now] = await attempt(link, settings, request)
  if (outcome === 'late') {
    // Too late by Redis's clock but in time by ours: that clock was set.
    link.clockOffsetMs = Number(now) - performance.now()
    ;[outcome, text, now] = await attempt(link, settings, request)
    if (outcome === 'late') throw new Error('The event reached Redis after its timeout.')
  }
  const position = text ? Number(text) : undefined
  if (position === undefined) history.noteLiveOnly()
  else history.note(position)
  return { position, duplicate: outcome === 'duplicate' }
}

function attempt(
  link: RedisLink,
  { keys, history, timeoutMs, idempotencyWindowMs }: PublishSettings,
  { channel, bounds, message, options: { retain, idempotencyKey } }: PublishRequest,
): Promise<string[]> {
  const { maxEvents, maxBytes, maxAgeMs, headTtlMs } = bounds
  const names = [keys.clock, keys.log(channel)]
  if (idempotencyKey !== undefined) names.push(keys.result(channel, idempotencyKey))
  // A Redis that was stopped may come to the command long after its timeout, and must not carry it out then. The timeout may
  // fire a little early, because timers count from the start of a turn of the event loop.
  const deadline = Math.floor(performance.now() + link.clockOffsetMs + 0.9 * timeoutMs)
  const kept = retain ? [maxEvents, maxBytes, maxAgeMs] : [0, 0, 0]
  return link.call(publish, names, [
    history.known,
    deadline,
    keys.head(channel),
    link.local(keys.live(channel)),
    encodeEvent(message),
    ...kept.map(bound),
    bound(headTtlMs),
    idempotencyWindowMs,
  ])
}

/**
 * Tries every command that Redis may refuse before it stores the event: a script that breaks off has stored nothing.
 *
 * KEYS: clock, log, result (only with an idempotency key).
 * ARGV: known, deadline (ms of Redis), field of the head, live channel, event, maxEvents, maxBytes, maxAgeMs, headTtlMs,
 * idempotency window in ms.
 * → { 'stored' | 'duplicate' | 'late', position or '', now }
 */
export const publish: Script = script(`${fit}
local deadline, field, channel, event = tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local maxEvents, maxBytes, maxAge, ttl = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
if now > deadline then return { 'late', '', text(now) } end
if KEYS[3] then
  local earlier = redis.call('GET', KEYS[3])
  if earlier then return { 'duplicate', earlier, text(now) } end
  redis.call('SET', KEYS[3], '', 'XX', 'PX', ARGV[10])
end
local seq = math.max(last + 1, told + 1, now * 1024)
local head = redis.call('HGET', KEYS[1], field)
local kept, liveOnly, total, bytes = string.match(head or '0 0 0 0 0', '^(%d+) (%d+) %S+ (%d+) (%d+)$')
local function putHead()
  -- By the position and not by now: the position may be ahead of the clock, and must not be forgotten early.
  local expiry = ttl >= 0 and text(math.floor(seq / 1024) + 1 + ttl) or '-'
  redis.call('HSET', KEYS[1], field, table.concat({ kept, liveOnly, expiry, total, bytes }, ' '))
end
local function pass(mark, before)
  redis.call('PUBLISH', channel, mark .. text(seq) .. '|' .. before .. '|' .. text(origin) .. '|' .. event)
end
redis.call('HSET', KEYS[1], 's', text(seq))
if maxEvents == 0 then
  local before = liveOnly
  liveOnly = text(seq)
  if not head then kept = text(forgotten) end
  putHead()
  pass('~', before)
  if KEYS[3] then redis.call('SET', KEYS[3], '', 'PX', ARGV[10]) end
  return { 'stored', '', text(now) }
end
-- A log without a head belongs to a clock that is gone.
if not head then redis.call('XTRIM', KEYS[2], 'MAXLEN', 0) end
local prev = keptOf(head)
total, bytes = tonumber(total) + #event, tonumber(bytes) + #event
bytes = fit(KEYS[2], total, bytes, #event, maxBytes)
local expires = maxAge < 0
if not expires then
  redis.call('XTRIM', KEYS[2], 'MINID', '~', text(math.max(0, now - maxAge) * 1024))
  expires = redis.call('PEXPIRE', KEYS[2], math.max(1, maxAge)) == 1
end
if maxBytes >= 0 and #event > maxBytes then maxEvents, bytes = 0, 0 end
local function add()
  local fields = { text(seq) .. '-0', 'p', text(prev), 'c', text(total), 'e', event }
  if maxEvents < 0 then return redis.pcall('XADD', KEYS[2], unpack(fields)) end
  -- A node of a stream holds 100 entries: below that, "~" is too inexact.
  return redis.pcall('XADD', KEYS[2], 'MAXLEN', maxEvents < 100 and '=' or '~', maxEvents, unpack(fields))
end
local added = add()
if type(added) == 'table' and added.err then
  -- The log outlived its clock: history begins anew above it.
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then seq = tonumber(string.match(info[index + 1], '^%d+')) + 2 end
  end
  prev = seq - 1
  origin = prev
  redis.call('HSET', KEYS[1], 's', text(seq), 'o', text(origin), 't', text(now))
  added = add()
  if type(added) == 'table' and added.err then return added end
end
if not expires then redis.call('PEXPIRE', KEYS[2], math.max(1, maxAge)) end
kept, total, bytes = text(seq), text(total), text(bytes)
putHead()
if KEYS[3] then redis.call('SET', KEYS[3], kept, 'PX', ARGV[10]) end
pass('+', text(prev))
return { 'stored', kept, text(now) }
`)
