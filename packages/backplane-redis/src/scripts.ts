import { registryScripts } from './registry-scripts.js'
import { type Script, script } from './script.js'

/**
 * KEYS: clock, head, log, result (only with an idempotency key).
 * ARGV: known, latest time to carry it out (ms of Redis), live channel, event, maxEvents, maxBytes, maxAgeMs, headTtlMs,
 * idempotency window in ms.
 * → { 'stored' | 'duplicate' | 'late', position or '', now }
 */
export const publish: Script = script(`
local deadline, channel, event = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local maxEvents, maxBytes, maxAge, ttl = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
if now > deadline then return { 'late', '', text(now) } end
if KEYS[4] then
  local earlier = redis.call('GET', KEYS[4])
  if earlier then return { 'duplicate', earlier, text(now) } end
end
local seq = math.max(last + 1, told + 1, now * 1024)
local head = redis.call('HMGET', KEYS[2], 's', 'u', 'c', 'b')
local result = ''
if maxEvents == 0 then
  redis.call('HSET', KEYS[1], 's', text(seq))
  redis.call('HSET', KEYS[2], 'u', text(seq))
  redis.call('PUBLISH', channel, '~' .. text(seq) .. '|' .. (head[2] or '0') .. '|' .. event)
else
  local prev = headOf(head[1], ttl)
  local total = (tonumber(head[3]) or 0) + #event
  local function add()
    local fields = { text(seq) .. '-0', 'p', text(prev), 'c', text(total), 'e', event }
    if maxEvents < 0 then return redis.pcall('XADD', KEYS[3], unpack(fields)) end
    -- A node of a stream holds 100 entries: below that, "about" is too far off.
    return redis.pcall('XADD', KEYS[3], 'MAXLEN', maxEvents < 100 and '=' or '~', maxEvents, unpack(fields))
  end
  local added = add()
  if type(added) == 'table' and added.err then
    -- The log outlived its clock (an eviction): go on above it, and nothing from before can be vouched for.
    if not string.find(added.err, 'equal or smaller', 1, true) then return added end
    local info = redis.call('XINFO', 'STREAM', KEYS[3])
    for index = 1, #info, 2 do
      if info[index] == 'last-generated-id' then seq = tonumber(string.match(info[index + 1], '^%d+')) + 2 end
    end
    prev = seq - 1
    redis.call('HSET', KEYS[1], 'o', text(prev))
    added = add()
    if type(added) == 'table' and added.err then return added end
  end
  redis.call('HSET', KEYS[1], 's', text(seq))
  local bytes = (tonumber(head[4]) or 0) + #event
  if maxBytes >= 0 and bytes > maxBytes then
    -- 'b' only grows between two looks, as what maxEvents trims is not subtracted: count, then trim to 7/8 of the bound.
    local function retained(entry) return total - tonumber(entry[2][4]) + #entry[2][6] end
    local first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
    bytes = first and retained(first) or 0
    local target = bytes > maxBytes and math.max(maxBytes * 7 / 8, math.min(maxBytes, #event)) or bytes
    while first and bytes > target do
      local entries = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 16)
      local keep
      for _, entry in ipairs(entries) do
        bytes = retained(entry)
        if bytes <= target then keep = entry[1] break end
      end
      if keep then redis.call('XTRIM', KEYS[3], 'MINID', '=', keep) break end
      local gone = {}
      for _, entry in ipairs(entries) do gone[#gone + 1] = entry[1] end
      redis.call('XDEL', KEYS[3], unpack(gone))
      first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
      bytes = first and retained(first) or 0
    end
  end
  if maxAge >= 0 then
    redis.call('XTRIM', KEYS[3], 'MINID', '~', text(math.max(0, now - maxAge) * 1024))
    redis.call('PEXPIRE', KEYS[3], math.max(1, maxAge))
  end
  redis.call('HSET', KEYS[2], 's', text(seq), 'c', text(total), 'b', text(bytes))
  result = text(seq)
  redis.call('PUBLISH', channel, '+' .. result .. '|' .. text(prev) .. '|' .. event)
end
-- By the position and not by now: the position may be ahead, and must not be forgotten before its time.
if ttl >= 0 then redis.call('PEXPIREAT', KEYS[2], text(math.floor(seq / 1024) + 1 + ttl)) end
if KEYS[4] then redis.call('SET', KEYS[4], result, 'PX', ARGV[9]) end
return { 'stored', result, text(now) }
`)

/**
 * KEYS: clock, then per read: head, log. ARGV: known, then per read: after, limit, maxAgeMs, headTtlMs.
 * → { last, origin, clock, then per read: head, number of events, then per event: id, prev, event }
 */
export const read: Script = script(`
-- What clients are told of the time. It is written so that no event gets a lower position, should the clock be set back.
local second = math.floor(now / 1000) * 1024000 - 1
local wrote = second > told and redis.pcall('HSET', KEYS[1], 'n', text(second))
if wrote and not (type(wrote) == 'table' and wrote.err) then told = second end
local reply = { text(last), text(origin), text(told) }
local size = 3
for index = 1, (#KEYS - 1) / 2 do
  local head, log, at = KEYS[index * 2], KEYS[index * 2 + 1], index * 4 - 2
  local after, limit, maxAge, ttl = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local from = after + 1
  if maxAge >= 0 then from = math.max(from, (now - maxAge) * 1024) end
  local entries = redis.call('XRANGE', log, text(from), '+', 'COUNT', limit)
  reply[size + 1], reply[size + 2] = text(headOf(redis.call('HGET', head, 's'), ttl)), text(#entries)
  size = size + 2
  for _, entry in ipairs(entries) do
    reply[size + 1], reply[size + 2], reply[size + 3] = entry[1], entry[2][2], entry[2][6]
    size = size + 3
  end
end
return reply
`)

/** KEYS: clock, head, log. ARGV: known. Drops the log, and leaves the head: the next event follows the last one. */
export const forget: Script = script(`
redis.call('DEL', KEYS[3])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('HSET', KEYS[2], 'b', '0') end
return {}
`)

/** KEYS: clock, then per search: head, log. ARGV: known, then per search: count, maxAgeMs, headTtlMs. → the positions */
export const seek: Script = script(`
local reply = {}
for index = 1, (#KEYS - 1) / 2 do
  local head, log, at = KEYS[index * 2], KEYS[index * 2 + 1], index * 3 - 1
  local count, maxAge, ttl = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local from = maxAge >= 0 and text(math.max(0, now - maxAge) * 1024) or '-'
  local entries = count > 0 and redis.call('XREVRANGE', log, '+', from, 'COUNT', count) or {}
  reply[index] = #entries > 0 and entries[#entries][2][2] or text(headOf(redis.call('HGET', head, 's'), ttl))
end
return reply
`)

/** KEYS: clock, then heads. ARGV: known. → { last, origin, then per channel: head, last live-only event } */
export const heads: Script = script(`
local reply = { text(last), text(origin) }
for index = 2, #KEYS do
  local head = redis.call('HMGET', KEYS[index], 's', 'u')
  reply[#reply + 1] = head[1] or '0'
  reply[#reply + 1] = head[2] or '0'
end
return reply
`)

/** KEYS: clock. ARGV: known, echo channel. Comes back on it behind all that was published before. → { last } */
export const echo: Script = script(`
redis.call('PUBLISH', ARGV[2], text(last))
return { text(last) }
`)

/**
 * KEYS: clock. ARGV: known, run of the Redis process, 1 where another run than the last one counts as a loss.
 * → { last, origin, now }
 */
export const greet: Script = script(`
local run = redis.call('HGET', KEYS[1], 'r')
if run ~= ARGV[2] then
  if run and ARGV[3] == '1' then
    last = math.max(last + 1, told + 1, now * 1024)
    origin = last
    redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin))
  end
  redis.call('HSET', KEYS[1], 'r', ARGV[2])
end
return { text(last), text(origin), text(now) }
`)

export const scripts: readonly Script[] = [publish, read, seek, forget, heads, echo, greet, ...registryScripts]
