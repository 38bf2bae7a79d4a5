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

/** The size of a request in a batch of at most 1,024: its characters in KiB, so that one call carries some 1 MiB. */
export function publishSize({ message }: PublishRequest): number {
  return message.data.length / 1_024
}

/** Stores events in their order and passes them on, unless Redis comes to it only after its timeout. */
export async function publishEvents(
  link: RedisLink,
  settings: PublishSettings,
  requests: readonly PublishRequest[],
): Promise<Outcome[]> {
  let [lateness, now, ...outcomes] = await attempt(link, settings, requests)
  if (lateness === 'late') {
    // Too late by Redis's clock but in time by ours: that clock was set.
    link.clockOffsetMs = Number(now) - performance.now()
    ;[lateness, now, ...outcomes] = await attempt(link, settings, requests)
    if (lateness === 'late') throw new Error('The event reached Redis after its timeout.')
  }
  return outcomes as Outcome[]
}

/** The outcome of a publish: `+<position>` stored, `~` live only, `=<position, or nothing>` a duplicate, `-<message>` an error. */
export type Outcome = `${'+' | '~' | '=' | '-'}${string}`

/** Rejects if Redis refused the event. */
export async function readOutcome(link: RedisLink, history: History, outcome: Outcome): Promise<PublishResult> {
  const text = outcome.slice(1)
  if (outcome[0] === '-') return link.explain(Promise.reject(new Error(text)))
  const position = text ? Number(text) : undefined
  if (position === undefined) history.noteLiveOnly()
  else history.note(position)
  return { position, duplicate: outcome[0] === '=' }
}

/** Events of one channel that follow each other, and are published in the same way. */
interface Row {
  /** The number of the channel in the call. */
  readonly index: number
  readonly mark: string
  readonly events: string[]
  chars: number
}

/** The number of characters above which a row takes no more events. */
const maxRowChars = 65_536

function attempt(
  link: RedisLink,
  { keys, history, timeoutMs, idempotencyWindowMs }: PublishSettings,
  requests: readonly PublishRequest[],
): Promise<string[]> {
  const indices = new Map<string, number>()
  const logs: string[] = []
  const results: string[] = []
  const channels: string[] = []
  const rows: Row[] = []
  for (const { channel, bounds, message, options } of requests) {
    let index = indices.get(channel)
    if (index === undefined) {
      index = indices.size + 1
      indices.set(channel, index)
      logs.push(keys.log(channel))
      const { maxEvents, maxBytes, maxAgeMs, headTtlMs } = bounds
      channels.push(
        keys.head(channel),
        link.local(keys.live(channel)),
        ...[maxEvents, maxBytes, maxAgeMs, headTtlMs].map(bound),
      )
    }
    const { retain, idempotencyKey } = options
    if (idempotencyKey !== undefined) results.push(keys.result(channel, idempotencyKey))
    const mark = `${retain && bounds.maxEvents >= 1 ? '+' : '~'}${idempotencyKey === undefined ? '' : 'k'}`
    let row = rows.at(-1)
    if (row?.index !== index || row.mark !== mark || row.chars > maxRowChars) {
      row = { index, mark, events: [], chars: 0 }
      rows.push(row)
    }
    const event = encodeEvent(message)
    row.events.push(event)
    row.chars += event.length
  }
  const events = rows.flatMap(({ index, mark, events }) => [String(index), mark, String(events.length), ...events])
  // A Redis that was stopped may come to the command long after its timeout, and must not carry it out then. The timeout may
  // fire a little early, because timers count from the start of a turn of the event loop.
  const deadline = Math.floor(performance.now() + link.clockOffsetMs + 0.9 * timeoutMs)
  const counts = [history.known, deadline, idempotencyWindowMs, logs.length, requests.length]
  return link.call(publish, [keys.clock, ...logs, ...results], [...counts, ...channels, ...events])
}

/**
 * For each event, tries every command that Redis may refuse before it stores the event: an event that fails is not stored, and
 * does not affect the others. The heads are written at the end, with the right that the clock has proved.
 *
 * KEYS: clock, then the log of each channel, then the result of each event with an idempotency key.
 * ARGV: known, deadline (ms of Redis), idempotency window in ms, number of channels, number of events;
 * per channel: field of the head, live channel, maxEvents, maxBytes, maxAgeMs, headTtlMs;
 * per row of events alike: number of their channel, '+' (kept) or '~' (live only) with 'k' if each has an idempotency key, their
 * number, the events.
 * → { 'late', now } or { 'done', now, per event: an outcome }
 */
export const publish: Script = script(`${fit}
if now > tonumber(ARGV[2]) then return { 'late', text(now) } end
local call = redis.call
local window, channelCount, eventCount = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local seq = math.max(last + 1, told + 1, now * 1024) - 1
call('HSET', KEYS[1], 's', text(seq + eventCount))
local fields = {}
for index = 1, channelCount do fields[index] = ARGV[6 * index] end
local heads = call('HMGET', KEYS[1], unpack(fields))
-- Texts of positions, as formatting a number costs as much as a command.
local seqText, originText = '', text(origin)
local channels = {}
for index = 1, channelCount do
  local at, head = 6 * index, heads[index]
  local kept, liveOnly, total, bytes = string.match(head or '0 0 0 0 0', '^(%d+) (%d+) %S+ (%d+) (%d+)$')
  if not head then kept = text(forgotten) end
  channels[index] = {
    log = KEYS[index + 1], live = ARGV[at + 1],
    maxEvents = tonumber(ARGV[at + 2]), maxBytes = tonumber(ARGV[at + 3]), maxAge = tonumber(ARGV[at + 4]), ttl = tonumber(ARGV[at + 5]),
    isStale = not head, kept = kept, liveOnly = liveOnly, total = tonumber(total), bytes = tonumber(bytes),
  }
end

-- Once per channel: drops what is too old, and lets the log expire by its age.
local function prepare(channel)
  -- A log without a head belongs to a clock that is gone.
  if channel.isStale then call('XTRIM', channel.log, 'MAXLEN', 0) end
  if channel.maxAge >= 0 then
    call('XTRIM', channel.log, 'MINID', '~', text(math.max(0, now - channel.maxAge) * 1024))
    channel.expires = call('PEXPIRE', channel.log, math.max(1, channel.maxAge)) == 1
  else
    channel.expires = true
  end
  channel.isPrepared = true
end

local function add(log, maxEvents, previous, total, event)
  if maxEvents < 0 then return redis.pcall('XADD', log, seqText .. '-0', 'p', previous, 'c', total, 'e', event) end
  -- A node of a stream holds 100 entries: below that, "~" is too inexact.
  return redis.pcall('XADD', log, 'MAXLEN', maxEvents < 100 and '=' or '~', maxEvents, seqText .. '-0', 'p', previous, 'c', total, 'e', event)
end

-- Stores an event, and returns the position before it. left: the number of events after it.
local function store(channel, event, left)
  local log, maxEvents, maxBytes = channel.log, channel.maxEvents, channel.maxBytes
  if not channel.isPrepared then prepare(channel) end
  local previous = channel.kept
  if tonumber(previous) < origin then previous = originText end
  local total, bytes = channel.total + #event, channel.bytes + #event
  if maxBytes >= 0 then
    bytes = fit(log, total, bytes, #event, maxBytes)
    if #event > maxBytes then maxEvents, bytes = 0, 0 end
  end
  local totalText = text(total)
  local added = add(log, maxEvents, previous, totalText, event)
  if type(added) == 'table' and added.err then
    -- The log outlived its clock: history begins anew above it.
    if not string.find(added.err, 'equal or smaller', 1, true) then error(added) end
    local info = call('XINFO', 'STREAM', log)
    for index = 1, #info, 2 do
      if info[index] == 'last-generated-id' then seq = tonumber(string.match(info[index + 1], '^%d+')) + 2 end
    end
    origin, seqText = seq - 1, text(seq)
    originText = text(origin)
    previous = originText
    call('HSET', KEYS[1], 's', text(seq + left), 'o', originText, 't', text(now))
    added = add(log, maxEvents, previous, totalText, event)
    if type(added) == 'table' and added.err then error(added) end
  end
  channel.kept, channel.total, channel.bytes, channel.last = seqText, total, bytes, seq
  if not channel.expires then
    call('PEXPIRE', log, math.max(1, channel.maxAge))
    channel.expires = true
  end
  return previous
end

local reply = { 'done', text(now) }
local function failure(err) return '-' .. (type(err) == 'table' and err.err or tostring(err)) end

local function headOf(mark, before)
  return mark .. text(seq) .. '|' .. text(before) .. '|' .. originText .. '|'
end

-- Nothing of it is stored, so nothing can be refused but the message itself.
local function passRow(channel, index, from, count)
  seq = seq + 1
  local message = headOf('~', channel.liveOnly) .. table.concat(ARGV, '~|', from, from + count - 1)
  seq = seq + count - 1
  channel.liveOnly, channel.last = seq, seq
  for offset = 1, count do reply[index + offset + 2] = '~' end
  return message
end

local nextResult, parts, lastSeq = channelCount + 2, {}, 0
local function publishOne(channel, mark, event, left)
  local result
  if mark == '+k' or mark == '~k' then
    mark, result, nextResult = mark == '+k' and '+' or '~', KEYS[nextResult], nextResult + 1
    local earlier = call('GET', result)
    if earlier then return '=' .. earlier end
    call('SET', result, '', 'XX', 'PX', window)
  end
  seq = seq + 1
  local position, before = '', channel.liveOnly
  if mark == '+' then
    seqText = text(seq)
    before = store(channel, event, left)
    position = seqText
  else
    channel.liveOnly, channel.last = seq, seq
  end
  if result then call('SET', result, position, 'PX', window) end
  parts[#parts + 1] = #parts > 0 and seq == lastSeq + 1 and mark .. '|' or headOf(mark, before)
  parts[#parts + 1] = event
  lastSeq = seq
  return mark .. position
end

local function publishRow(channel, mark, index, from, count)
  parts = {}
  for offset = 1, count do
    local done, outcome = pcall(publishOne, channel, mark, ARGV[from + offset - 1], eventCount - index - offset)
    reply[index + offset + 2] = done and outcome or failure(outcome)
  end
  return #parts > 0 and table.concat(parts) or nil
end

-- A row is one message to the nodes: a PUBLISH costs more than what it carries.
local at, index = 6 * channelCount + 6, 0
while index < eventCount do
  local channel, mark, count = channels[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 2])
  local message
  if mark == '~' then message = passRow(channel, index, at + 3, count)
  else message = publishRow(channel, mark, index, at + 3, count) end
  local done, err = true, nil
  if message then done, err = pcall(call, 'PUBLISH', channel.live, message) end
  for offset = 3, done and 2 or count + 2 do
    if string.find(reply[index + offset], '^[+~]') then reply[index + offset] = failure(err) end
  end
  index, at = index + count, at + 3 + count
end
local changed = {}
for index = 1, channelCount do
  local channel = channels[index]
  if channel.last then
    -- By the position and not by now: the position may be ahead of the clock, and must not be forgotten early.
    local expiry = channel.ttl >= 0 and text(math.floor(channel.last / 1024) + 1 + channel.ttl) or '-'
    changed[#changed + 1] = fields[index]
    changed[#changed + 1] = table.concat({ channel.kept, text(channel.liveOnly), expiry, text(channel.total), text(channel.bytes) }, ' ')
  end
end
if #changed > 0 then call('HSET', KEYS[1], unpack(changed)) end
return reply
`)
