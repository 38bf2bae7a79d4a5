/**
 * Lua: drops the oldest events of a log, so that it fits into `maxBytes` (-1: no bound) with a new event of `size` bytes.
 * `total` counts the bytes of all events that were ever added, `bytes` those that are kept; both include the new one.
 * Returns the bytes that are kept then.
 */
export const fit = `
local function fit(log, total, bytes, size, maxBytes)
  if maxBytes < 0 or bytes <= maxBytes then return bytes end
  -- Bytes that maxEvents or age trimmed were not subtracted: count again, then trim to 7/8 of the bound.
  local function retained(entry) return total - tonumber(entry[2][4]) + #entry[2][6] end
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  bytes = first and retained(first) or size
  local target = bytes > maxBytes and math.max(maxBytes * 7 / 8, math.min(maxBytes, size)) or bytes
  while first and bytes > target do
    local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', 16)
    local keep
    for _, entry in ipairs(entries) do
      bytes = retained(entry)
      if bytes <= target then keep = entry[1] break end
    end
    if keep then redis.call('XTRIM', log, 'MINID', '=', keep) break end
    local gone = {}
    for _, entry in ipairs(entries) do gone[#gone + 1] = entry[1] end
    redis.call('XDEL', log, unpack(gone))
    first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    bytes = first and retained(first) or size
  end
  return bytes
end
`
