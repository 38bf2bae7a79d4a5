import { type Script, script } from '../link/script.js'

/**
 * A node is one field of the HASH `nodes`: `<expiry> <connections> <version>`. The version counts its updates. If it is not the
 * version that the node expects, Redis has lost some of the node's updates, or has one that the node does not know of.
 */
const helpers = `
local function stateOf(node)
  local value = redis.call('HGET', KEYS[2], node)
  if not value then return nil end
  local expiry, connections, version = string.match(value, '^(%d+) (%d+) (%d+)$')
  return { expiry = tonumber(expiry), connections = connections, version = tonumber(version) }
end
local function put(node, state)
  redis.call('HSET', KEYS[2], node, text(state.expiry) .. ' ' .. state.connections .. ' ' .. text(state.version))
end
-- Writes a node's entry on a channel, and its number of entries there under its own name.
local function place(members, node, connection, member)
  if redis.call('HSET', members, node .. ' ' .. connection, member) == 1 then redis.call('HINCRBY', members, node, 1) end
end
local function displace(members, node, connection)
  if redis.call('HDEL', members, node .. ' ' .. connection) == 0 then return end
  if redis.call('HINCRBY', members, node, -1) <= 0 then redis.call('HDEL', members, node) end
end
local function lives(node, cache)
  if cache[node] == nil then
    local state = stateOf(node)
    cache[node] = state ~= nil and state.expiry > now
  end
  return cache[node]
end
`

/**
 * KEYS: clock, nodes, entries of the node. ARGV: known, node, connections, ttl in ms (0: it leaves), version.
 * → { 1 if known else 0, version, then the lapsed nodes }
 */
export const beat: Script = script(`${helpers}
local node, state, ttl = ARGV[2], stateOf(ARGV[2]), tonumber(ARGV[4])
local known = state and state.expiry > now and text(state.version) == ARGV[5]
local version = state and state.version or 0
if ttl == 0 and redis.call('EXISTS', KEYS[3]) == 0 then redis.call('HDEL', KEYS[2], node)
else put(node, { expiry = now + ttl, connections = ARGV[3], version = version }) end
local reply = { known and '1' or '0', text(version) }
for _, other in ipairs(redis.call('HKEYS', KEYS[2])) do
  if other ~= node and not lives(other, {}) then reply[#reply + 1] = other end
end
return reply
`)

/**
 * KEYS: clock, nodes, entries of the node, then members of each change's channel. ARGV: known, node, then per change:
 * connection and channel, member (or '' to remove). → { version, or '' for an unknown node }
 */
export const update: Script = script(`${helpers}
local node = ARGV[2]
local state = stateOf(node)
if not state or state.expiry <= now then return { '' } end
for index = 4, #KEYS do
  local entry, member = ARGV[index * 2 - 5], ARGV[index * 2 - 4]
  local connection = string.match(entry, '^[^ ]+')
  if member == '' then
    displace(KEYS[index], node, connection)
    redis.call('SREM', KEYS[3], entry)
  else
    place(KEYS[index], node, connection, member)
    redis.call('SADD', KEYS[3], entry)
  end
end
state.version = state.version + 1
put(node, state)
return { text(state.version) }
`)

/**
 * KEYS: clock, nodes, members of the channel. ARGV: known, cursor, number of fields to look at.
 * → { cursor of the next page, then per member: node and connection, member }
 */
export const members: Script = script(`${helpers}
local page = redis.call('HSCAN', KEYS[3], ARGV[2], 'COUNT', ARGV[3])
local cache, reply = {}, { page[1] }
for index = 1, #page[2], 2 do
  local node = string.match(page[2][index], '^([^ ]+) ')
  if node and lives(node, cache) then
    reply[#reply + 1], reply[#reply + 2] = page[2][index], page[2][index + 1]
  end
end
return reply
`)

/** KEYS: clock, nodes, members of the channel. ARGV: known. → { number of members } */
export const count: Script = script(`${helpers}
local sum = 0
for _, node in ipairs(redis.call('HKEYS', KEYS[2])) do
  if lives(node, {}) then sum = sum + (tonumber(redis.call('HGET', KEYS[3], node)) or 0) end
end
return { text(sum) }
`)

/** KEYS: clock, nodes. ARGV: known. → { per node that lives: node, connections } */
export const nodes: Script = script(`${helpers}
local reply = {}
for _, node in ipairs(redis.call('HKEYS', KEYS[2])) do
  local state = stateOf(node)
  if state.expiry > now then reply[#reply + 1], reply[#reply + 2] = node, state.connections end
end
return reply
`)

/**
 * Gives some of a node's entries if it may be evicted, and forgets it if it has none.
 *
 * KEYS: clock, nodes, entries of the node. ARGV: known, node, caller, limit. → { entries }
 */
export const entries: Script = script(`${helpers}
if ARGV[2] ~= ARGV[3] and lives(ARGV[2], {}) then return {} end
local some = redis.call('SRANDMEMBER', KEYS[3], ARGV[4])
if ARGV[2] ~= ARGV[3] and #some == 0 then redis.call('HDEL', KEYS[2], ARGV[2]) end
return some
`)

/**
 * KEYS: clock, nodes, entries of the node, then members of each entry's channel. ARGV: known, node, caller, then the
 * entries. → { per entry that existed: entry, member }
 */
export const evict: Script = script(`${helpers}
local node, caller, reply = ARGV[2], ARGV[3], {}
if node ~= caller and lives(node, {}) then return reply end
for index = 4, #KEYS do
  local entry = ARGV[index]
  local connection = string.match(entry, '^[^ ]+')
  local member = redis.call('HGET', KEYS[index], node .. ' ' .. connection)
  redis.call('SREM', KEYS[3], entry)
  displace(KEYS[index], node, connection)
  if member then reply[#reply + 1], reply[#reply + 2] = entry, member end
end
return reply
`)

export const registryScripts: readonly Script[] = [beat, update, members, count, nodes, entries, evict]
