import { lossNotice } from '@rivulet/server'
import { type Script, script } from '../link/script.js'
import { encodeEvent } from '../logs/event-text.js'
import { fit } from '../logs/fit.js'

export const lossText: string = encodeEvent(lossNotice)

/**
 * `add` stores an event, `pass` brings all that were added to the subscribers, in one message. Nothing is passed before all is stored.
 *
 * KEYS: clock, run, log.
 */
const helpers = `
local head, total, first = 0, 0, 0
local added = {}
local function begin(run)
  head, total = tonumber(run.head), tonumber(run.total)
  if head > last then
    -- The run outlived its clock: history begins anew above it.
    last = head + 1
    origin = last
    redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
  end
  first = math.max(last + 1, told + 1, now * 1024)
end
local function add(event, alone)
  local seq = text(first + #added)
  total = total + #event
  local fields = { seq .. '-0', 'p', text(head), 'c', text(total), 'e', event }
  if alone then redis.call('XADD', KEYS[3], 'MAXLEN', '=', 0, unpack(fields))
  else redis.call('XADD', KEYS[3], unpack(fields)) end
  local follows = #added > 0
  added[#added + 1] = '+' .. (follows and '|' or seq .. '|' .. text(head) .. '|' .. text(origin) .. '|') .. event
  head = tonumber(seq)
end
local function pass(channel)
  redis.call('PUBLISH', channel, table.concat(added))
end
`

/**
 * A producer that counts more events than Redis has was told of some that are lost.
 *
 * KEYS: clock, run, log. ARGV: known, token, ordinal, live channel, the event that tells of a loss, then the events.
 * → { last position } or { } if the token may not append
 */
export const append: Script = script(`${fit}${helpers}
local run = redis.call('HMGET', KEYS[2], 's', 't', 'l', 'h', 'n', 'c', 'y', 'm')
if run[1] ~= 'running' or run[2] ~= ARGV[2] or tonumber(run[3]) <= now then return {} end
local ordinal, count, bytes, maxBytes = tonumber(ARGV[3]), tonumber(run[5]), tonumber(run[7]), tonumber(run[8])
local from = 6 + math.max(0, count - ordinal)
if from > #ARGV then return { run[4] } end
begin({ head = run[4], total = run[6] })
local lost = ordinal > count
redis.call('HSET', KEYS[1], 's', text(first + #ARGV - from + (lost and 1 or 0)))
-- Trims to the bound where it is exceeded by a seventh.
local most = maxBytes < 0 and -1 or math.floor(maxBytes * 8 / 7)
if lost then
  add(ARGV[5])
  bytes = bytes + #ARGV[5]
end
for index = from, #ARGV do
  local event = ARGV[index]
  bytes = fit(KEYS[3], total + #event, bytes + #event, #event, most)
  local alone = most >= 0 and #event > most
  if alone then bytes = 0 end
  add(event, alone)
end
redis.call('HSET', KEYS[2], 'h', text(head), 'n', text(ordinal + #ARGV - 5), 'c', text(total), 'y', text(bytes))
pass(ARGV[4])
return { text(head) }
`)

/**
 * The data of a running run may lack its latest events if it is older than the origin of history.
 *
 * Commands that change nothing come first: if Redis refuses one, nothing is stored.
 *
 * KEYS: clock, run, log, leases, running, ended. ARGV: known, id, live channel, the event that tells of a loss, the terminal
 * event, state, reason or '', who ends it ('token', 'anyone', 'lapsed'), token. → { position of the end } or { }
 */
export const finish: Script = script(`${helpers}
local run = redis.call('HMGET', KEYS[2], 's', 't', 'l', 'h', 'c', 'k', 'b', 'p')
local lapsed = run[1] == 'running' and tonumber(run[3]) <= now
if run[1] ~= 'running' or (ARGV[8] == 'token' and (lapsed or run[2] ~= ARGV[9])) or (ARGV[8] == 'lapsed' and not lapsed) then
  return {}
end
local keepMs = tonumber(run[8])
redis.call('ZREM', KEYS[4], '')
redis.call('ZADD', KEYS[4], 'XX', 0, '')
redis.call('PEXPIRE', KEYS[2], 1000, 'XX')
begin({ head = run[4], total = run[5] })
local lost = head < origin
redis.call('HSET', KEYS[1], 's', text(first + (lost and 1 or 0)))
if lost then add(ARGV[4]) end
add(ARGV[5])
redis.call('HSET', KEYS[2], 's', ARGV[6], 'z', text(now), 'h', text(head), 'e', text(head))
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'r', ARGV[7]) end
local member = run[6] .. string.format('%016.0f', tonumber(run[7])) .. ':' .. ARGV[2]
redis.call('ZREM', KEYS[4], member)
redis.call('ZREM', KEYS[5], member)
if keepMs >= 0 then
  if string.sub(run[6], 1, 1) ~= '-' then redis.call('ZADD', KEYS[6], text(now + keepMs), member) end
  for index = 2, 3 do redis.call('PEXPIRE', KEYS[index], math.max(1, keepMs)) end
end
pass(ARGV[3])
return { text(head) }
`)
