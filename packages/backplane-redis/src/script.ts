import { createHash } from 'node:crypto'

/** A Lua script. Everything that one operation does happens in one of them, so at one point of Redis's time. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function script(body: string): Script {
  const source = preamble + body
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/**
 * Reads the clock, and starts it where there is none. ARGV[1] is the highest position that the calling node knows to be
 * given. A clock behind it has lost history (its data is gone, or a replica that lagged was promoted): nothing from
 * before is known then, and positions go on above it.
 *
 * Positions exceed what Lua's tostring writes without an exponent, and are below 2^53, so a double holds them.
 */
const preamble = `
local function text(position) return string.format('%.0f', position) end
local known = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local clock = redis.call('HMGET', KEYS[1], 's', 'o', 'n')
local last, origin, told = tonumber(clock[1]), tonumber(clock[2]), tonumber(clock[3]) or 0
if not last or known > last then
  last = math.max(now * 1024, known + 1, told + 1)
  origin = last
  redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin))
end
-- The head of a channel: where it is not known, it expired (so its last event is older than that) or there was none.
local function headOf(stored, ttl)
  local head = tonumber(stored)
  if not head and ttl >= 0 then head = (now - ttl) * 1024 end
  return math.max(head or 0, origin)
end
`
