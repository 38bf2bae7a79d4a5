import { type Script, script } from '../link/script.js'

/** `recordOf` gives a run without its events: `k`, `s`, `r`, `a`, `z`, `b`, `e`, and '1' if its lease is over. */
const helpers = `
local function recordOf(key)
  local run = redis.call('HMGET', key, 'k', 's', 'r', 'a', 'z', 'b', 'e', 'l')
  if not run[2] then return nil end
  run[8] = run[2] == 'running' and tonumber(run[8]) <= now and '1' or '0'
  return run
end
local function memberOf(key, beginning, id)
  return key .. string.format('%016.0f', tonumber(beginning)) .. ':' .. id
end
-- Drops ended runs from the index: their own data expires by itself.
local function expire(byKey, ended, limit)
  local due = redis.call('ZRANGEBYSCORE', ended, '-inf', text(now), 'LIMIT', 0, limit)
  if #due == 0 then return end
  redis.call('ZREM', byKey, unpack(due))
  redis.call('ZREM', ended, unpack(due))
end
`

/**
 * Commands that change nothing come first: if Redis refuses one, nothing is stored.
 *
 * KEYS: clock, run, log, leases, running, by key, ended.
 * ARGV: known, id, key, token, leaseMs, keepMs, maxBytes, maxRunning.
 * → { } if no more may be running, or { 1 if the token created it else 0, record }
 */
export const create: Script = script(`${helpers}
local id, key, max = ARGV[2], ARGV[3], tonumber(ARGV[8])
local function answer(run)
  return { redis.call('HGET', KEYS[2], 't') == ARGV[4] and '1' or '0', unpack(run, 1, 8) }
end
local run = recordOf(KEYS[2])
if run then return answer(run) end
redis.call('ZADD', KEYS[4], 'XX', 0, '')
redis.call('ZREM', KEYS[4], '')
expire(KEYS[6], KEYS[7], 16)
local keyed = string.sub(key, 1, 1) ~= '-'
if keyed and max >= 0 and redis.call('ZLEXCOUNT', KEYS[5], '[' .. key, '(' .. key .. ':') >= max then return {} end
local beginning = text(math.max(last + 1, told + 1, now * 1024))
redis.call('HSET', KEYS[1], 's', beginning)
redis.call('DEL', KEYS[3])
local lease = text(now + tonumber(ARGV[5]))
redis.call('HSET', KEYS[2], 'k', key, 't', ARGV[4], 's', 'running', 'a', text(now), 'b', beginning, 'h', beginning,
  'l', lease, 'n', '0', 'c', '0', 'y', '0', 'm', ARGV[7], 'p', ARGV[6])
local member = memberOf(key, beginning, id)
redis.call('ZADD', KEYS[4], lease, member)
if keyed then
  redis.call('ZADD', KEYS[5], 0, member)
  redis.call('ZADD', KEYS[6], 0, member)
end
return answer(recordOf(KEYS[2]))
`)

/** KEYS: clock, leases, then runs. ARGV: known, leaseMs, then per run: id, token. → { per run: 1 if its lease holds else 0 } */
export const renew: Script = script(`${helpers}
local lease, reply = text(now + tonumber(ARGV[2])), {}
for index = 3, #KEYS do
  local run = redis.call('HMGET', KEYS[index], 's', 't', 'l', 'k', 'b')
  local holds = run[1] == 'running' and run[2] == ARGV[index * 2 - 2] and tonumber(run[3]) > now
  if holds then
    redis.call('ZADD', KEYS[2], lease, memberOf(run[4], run[5], ARGV[index * 2 - 3]))
    redis.call('HSET', KEYS[index], 'l', lease)
  end
  reply[index - 2] = holds and '1' or '0'
end
return reply
`)

/**
 * KEYS: clock, leases, by key, ended. ARGV: known, limit.
 * → { ms until the next lease is over or '', then the members whose leases are over }
 */
export const lapsed: Script = script(`${helpers}
expire(KEYS[3], KEYS[4], 256)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, ARGV[2])
if #over > 0 then return { '', unpack(over) } end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
return { first[2] and text(tonumber(first[2]) - now) or '' }
`)

/**
 * Forgets the leases of runs whose data is gone: their servers evicted it.
 *
 * KEYS: clock, leases, running, by key, then runs. ARGV: known, then per run: member, beginning. → { per run: 1 if it is running }
 */
export const confirm: Script = script(`
local reply = {}
for index = 5, #KEYS do
  local member = ARGV[index * 2 - 8]
  local run = redis.call('HMGET', KEYS[index], 's', 'b')
  local found = run[1] == 'running' and tonumber(run[2]) == tonumber(ARGV[index * 2 - 7])
  if not found then
    for key = 2, 4 do redis.call('ZREM', KEYS[key], member) end
  end
  reply[index - 4] = found and '1' or '0'
end
return reply
`)

/** KEYS: clock, run. ARGV: known. → { record } or { } */
export const get: Script = script(`${helpers}
return recordOf(KEYS[2]) or {}
`)

/** KEYS: clock, by key, ended. ARGV: known, key, the member before which to begin or '', limit. → { members, the last first } */
export const members: Script = script(`${helpers}
expire(KEYS[2], KEYS[3], 16)
local from = ARGV[3] == '' and ARGV[2] .. ':' or ARGV[3]
return redis.call('ZREVRANGEBYLEX', KEYS[2], '(' .. from, '[' .. ARGV[2], 'LIMIT', 0, ARGV[4])
`)

/** KEYS: clock, by key, then runs. ARGV: known, then per run: member, beginning. → { per run: record, or 8 times '' if it is gone } */
export const records: Script = script(`${helpers}
local reply = {}
for index = 3, #KEYS do
  local run = recordOf(KEYS[index])
  if not run or tonumber(run[6]) ~= tonumber(ARGV[index * 2 - 3]) then
    redis.call('ZREM', KEYS[2], ARGV[index * 2 - 4])
    run = { '', '', '', '', '', '', '', '' }
  end
  for field = 1, 8 do reply[index * 8 - 24 + field] = run[field] end
end
return reply
`)

/** KEYS: clock, run, log, by key, ended. ARGV: known, id. → { 0 if it is running else 1 } */
export const forget: Script = script(`${helpers}
local run = redis.call('HMGET', KEYS[2], 's', 'k', 'b')
if run[1] == 'running' then return { '0' } end
redis.call('DEL', KEYS[3])
if run[1] then
  redis.call('DEL', KEYS[2])
  local member = memberOf(run[2], run[3], ARGV[2])
  redis.call('ZREM', KEYS[4], member)
  redis.call('ZREM', KEYS[5], member)
end
return { '1' }
`)
