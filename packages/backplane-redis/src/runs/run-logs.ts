import { type ReadResult, runChannel } from '@rivulet/server'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'
import { countOf, entriesAt, entrySize, putEntries } from '../logs/entries.js'
import { tellTime } from '../logs/logs.js'

/** A read of a run's events from a position on. */
export interface RunRead {
  readonly id: string
  readonly after: number
  readonly limit: number
}

/** Reads runs' logs at one moment. `known` is the highest position that this node knows. */
export async function readRuns(
  link: RedisLink,
  keys: Keys,
  known: number,
  reads: readonly RunRead[],
): Promise<ReadResult[]> {
  const names = [keys.clock, ...reads.flatMap(({ id }) => [keys.run(id), keys.log(runChannel(id))])]
  const args = reads.flatMap(({ after, limit }) => [after, countOf(limit)])
  const reply = await link.call(readRun, names, [known, ...args])
  const storedPosition = Number(reply[0])
  const origin = Number(reply[1])
  const clock = Number(reply[2])
  let next = 3
  return reads.map(({ after, limit }) => {
    const beginning = reply[next]!
    const lastPosition = Number(reply[next + 1])
    const found = Number(reply[next + 2])
    next += 3
    const messages = entriesAt(reply, next, found)
    next += entrySize * found
    const before = messages[0]?.previous ?? lastPosition
    if (limit === 0) messages.pop()
    const facts = { messages, lastPosition, storedPosition, clock }
    if (beginning === '') return { ...facts, continuous: false, reason: 'trimmed' }
    // A position of an earlier run with this id, or one that was not given yet, belongs to another history. So does one
    // between two events, if it is older than the present history: its event is gone.
    const own = after >= Number(beginning) && after <= Math.max(storedPosition, clock)
    if (!own || (after > before && after < origin)) return { ...facts, continuous: false, reason: 'restarted' }
    return before <= after ? { ...facts, continuous: true } : { ...facts, continuous: false, reason: 'trimmed' }
  })
}

/**
 * KEYS: clock, then per read: run, log. ARGV: known, then per read: after, limit.
 * → { last, origin, clock, then per read: beginning or '', head, number of events, then per event: id, previous, event }
 */
export const readRun: Script = script(`${tellTime}${putEntries}
local reply = { text(last), text(origin), text(told) }
local size = 3
for index = 2, #KEYS, 2 do
  local run = redis.call('HMGET', KEYS[index], 'b', 'h')
  local entries = {}
  if run[1] then
    entries = redis.call('XRANGE', KEYS[index + 1], text(tonumber(ARGV[index]) + 1), '+', 'COUNT', ARGV[index + 1])
  end
  reply[size + 1], reply[size + 2], reply[size + 3] = run[1] or '', run[2] or text(last), text(#entries)
  size = putEntries(reply, size + 3, entries)
end
return reply
`)
