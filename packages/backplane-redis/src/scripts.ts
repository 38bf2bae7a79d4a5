import { registryScripts } from './registry-scripts.js'
import { type Script, script } from './script.js'

/**
 * Everything that Redis may refuse is tried before the event is stored: a script that breaks off has stored nothing.
 *
 * KEYS: clock, log, result (only with an idempotency key).
 * ARGV: known, latest time to carry it out (ms of Redis), field of the head, live channel, event, maxEvents, maxBytes,
 * maxAgeMs, headTtlMs, idempotency window in ms.
 * → { 'stored' | 'duplicate' | 'late', position or '', now }
 */
export const publish: Script = script(`
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
  -- By the position and not by now: the position may be ahead, and must not be forgotten before its time.
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
-- A log without a head was left behind by a clock that is gone.
if not head then redis.call('XTRIM', KEYS[2], 'MAXLEN', 0) end
local prev = keptOf(head)
total, bytes = tonumber(total) + #event, tonumber(bytes) + #event
if maxBytes >= 0 and bytes > maxBytes then
  -- The bytes only grow between two looks, as what maxEvents trims is not subtracted: count, then trim to 7/8 of the bound.
  local function retained(entry) return total - tonumber(entry[2][4]) + #entry[2][6] end
  local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  bytes = first and retained(first) or #event
  local target = bytes > maxBytes and math.max(maxBytes * 7 / 8, math.min(maxBytes, #event)) or bytes
  while first and bytes > target do
    local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 16)
    local keep
    for _, entry in ipairs(entries) do
      bytes = retained(entry)
      if bytes <= target then keep = entry[1] break end
    end
    if keep then redis.call('XTRIM', KEYS[2], 'MINID', '=', keep) break end
    local gone = {}
    for _, entry in ipairs(entries) do gone[#gone + 1] = entry[1] end
    redis.call('XDEL', KEYS[2], unpack(gone))
    first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
    bytes = first and retained(first) or #event
  end
end
local expires = maxAge < 0
if not expires then
  redis.call('XTRIM', KEYS[2], 'MINID', '~', text(math.max(0, now - maxAge) * 1024))
  expires = redis.call('PEXPIRE', KEYS[2], math.max(1, maxAge)) == 1
end
if maxBytes >= 0 and #event > maxBytes then maxEvents, bytes = 0, 0 end
local function add()
  local fields = { text(seq) .. '-0', 'p', text(prev), 'c', text(total), 'e', event }
  if maxEvents < 0 then return redis.pcall('XADD', KEYS[2], unpack(fields)) end
  -- A node of a stream holds 100 entries: below that, "about" is too far off.
  return redis.pcall('XADD', KEYS[2], 'MAXLEN', maxEvents < 100 and '=' or '~', maxEvents, unpack(fields))
end
local added = add()
if type(added) == 'table' and added.err then
  -- The log outlived its clock: go on above it, and nothing from before can be vouched for.
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

/**
 * KEYS: clock, then logs. ARGV: known, then per read: field of the head, after, limit, maxAgeMs.
 * → { last, origin, clock, then per read: head, number of events, then per event: id, prev, event }
 */
export const read: Script = script(`
-- What clients are told of the time. It is written so that no event gets a lower position, should the clock be set back.
local second = math.floor(now / 1000) * 1024000 - 1
local wrote = second > told and redis.pcall('HSET', KEYS[1], 'n', text(second))
if wrote and not (type(wrote) == 'table' and wrote.err) then told = second end
local reply = { text(last), text(origin), text(told) }
local size = 3
for index = 2, #KEYS do
  local log, at = KEYS[index], index * 4 - 6
  local after, limit, maxAge = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local from = after + 1
  if maxAge >= 0 then from = math.max(from, (now - maxAge) * 1024) end
  local entries = redis.call('XRANGE', log, text(from), '+', 'COUNT', limit)
  reply[size + 1], reply[size + 2] = text(keptOf(redis.call('HGET', KEYS[1], ARGV[at]))), text(#entries)
  size = size + 2
  for _, entry in ipairs(entries) do
    reply[size + 1], reply[size + 2], reply[size + 3] = entry[1], entry[2][2], entry[2][6]
    size = size + 3
  end
end
return reply
`)

/** KEYS: clock, log. ARGV: known. Drops the log, and leaves the head: the next event follows the last one. */
export const forget: Script = script(`
redis.call('DEL', KEYS[2])
return {}
`)

/** KEYS: clock, then logs. ARGV: known, then per search: field of the head, count, maxAgeMs. → the positions */
export const seek: Script = script(`
local reply = {}
for index = 2, #KEYS do
  local log, at = KEYS[index], index * 3 - 4
  local count, maxAge = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local from = maxAge >= 0 and text(math.max(0, now - maxAge) * 1024) or '-'
  local entries = count > 0 and redis.call('XREVRANGE', log, '+', from, 'COUNT', count) or {}
  reply[index - 1] = #entries > 0 and entries[#entries][2][2] or text(keptOf(redis.call('HGET', KEYS[1], ARGV[at])))
end
return reply
`)

/** KEYS: clock. ARGV: known, then fields of heads. → { last, origin, then per channel: head, last live-only event } */
export const heads: Script = script(`
local reply = { text(last), text(origin) }
for index = 2, #ARGV do
  local head = redis.call('HGET', KEYS[1], ARGV[index])
  local kept, liveOnly
  if head then kept, liveOnly = string.match(head, '^(%d+) (%d+)') end
  reply[#reply + 1] = kept or text(forgotten)
  reply[#reply + 1] = liveOnly or '0'
end
return reply
`)

/** KEYS: clock. ARGV: known, echo channel. Comes back on it behind all that was published before. → { last, origin } */
export const echo: Script = script(`
redis.call('PUBLISH', ARGV[2], text(last) .. '|' .. text(origin))
return { text(last), text(origin) }
`)

/**
 * Forgets heads whose time is over, some at each call: those of channels that nobody listens to.
 *
 * KEYS: clock. ARGV: known, cursor, how many to look at, prefix of a head's field, what comes before and after a channel's
 * name in that of its live channel. → { cursor for the next call }
 */
export const sweep: Script = script(`
local page = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local before, gone = forgotten, {}
for index = 1, #page[2], 2 do
  local field, head = page[2][index], page[2][index + 1]
  local expiry = tonumber(string.match(head, '^%d+ %d+ (%d+) '))
  if string.sub(field, 1, #ARGV[4]) == ARGV[4] and expiry and expiry <= now then
    local live = ARGV[5] .. string.sub(field, #ARGV[4] + 1) .. ARGV[6]
    if redis.call('PUBSUB', 'NUMSUB', live)[2] == 0 then
      gone[#gone + 1] = field
      forgotten = math.max(forgotten, tonumber(string.match(head, '^%d+')))
    end
  end
end
if forgotten > before then redis.call('HSET', KEYS[1], 'f', text(forgotten)) end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
return { page[1] }
`)

/**
 * KEYS: clock. ARGV: known, run of the Redis process, 1 where another run than the last one counts as a loss, the node's
 * time in ms. → { last, origin, for how many ms it has been that, now }
 */
export const greet: Script = script(`
-- The clock of a server that has lost its data may have gone back too: what was given before must lie before the origin.
if began then
  last = math.max(last, math.min(tonumber(ARGV[4]), now + 86400000) * 1024)
  origin = last
  redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
end
local run = redis.call('HGET', KEYS[1], 'r')
if run ~= ARGV[2] then
  if run and ARGV[3] == '1' then
    last = math.max(last + 1, told + 1, now * 1024)
    origin = last
    redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
  end
  redis.call('HSET', KEYS[1], 'r', ARGV[2])
end
return { text(last), text(origin), text(now - tonumber(redis.call('HGET', KEYS[1], 't') or now)), text(now) }
`)

export const scripts: readonly Script[] = [publish, read, seek, forget, heads, echo, sweep, greet, ...registryScripts]
