import { createHash } from 'node:crypto'

/** A Lua script. One operation is one script, so that it happens at one point of Redis's time. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function script(body: string): Script {
  const source = preamble + body
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/**
 * Reads the clock, and starts it where there is none. ARGV[1] is the highest position that the calling node knows. A clock
 * behind it has lost history, because its data is gone or a replica that lagged was promoted. Then history begins anew, and
 * positions go on above the known one.
 *
 * The heads of all channels are fields of the same hash: a server that evicts keys takes all of them with the clock, or
 * none. So a channel without a head has had no event since the origin, unless it was forgotten for its age.
 *
 * Lua's tostring writes positions with an exponent, so `text` formats them. They are below 2^53: a double holds them.
 */
const preamble = `
local function text(position) return string.format('%.0f', position) end
local known = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local clock = redis.call('HMGET', KEYS[1], 's', 'o', 'n', 'f')
local last, origin = tonumber(clock[1]), tonumber(clock[2])
local told, forgotten = tonumber(clock[3]) or 0, tonumber(clock[4]) or 0
local began = not last
if began or known > last then
  last = math.max(now * 1024, known + 1, told + 1)
  origin = last
  redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
end
-- The last position that a channel with this head, or without one, may have.
local function keptOf(head)
  return math.max(head and tonumber(string.match(head, '^%d+')) or forgotten, origin)
end
`
