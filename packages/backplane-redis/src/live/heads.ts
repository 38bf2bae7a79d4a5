import { runOf } from '@rivulet/server'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'

/** The positions of a channel's last kept event and of its last live-only one. */
export interface Head {
  readonly kept: number
  readonly liveOnly: number
}

export interface Heads {
  /** The position of the last event, on any channel, when the first of the heads was read. */
  readonly last: number
  /** The position at which history begins. */
  readonly origin: number
  /** In the order of the channels. */
  readonly heads: readonly Head[]
}

/** The number of channels that one script call asks for. */
const batchSize = 512

/** Reads the heads of channels. `known` is the highest position that this node knows. */
export async function readHeads(
  link: RedisLink,
  keys: Keys,
  known: number,
  channels: readonly { readonly name: string }[],
): Promise<Heads> {
  const found: Head[] = []
  let first: number | undefined
  let origin = 0
  for (let from = 0; from === 0 || from < channels.length; from += batchSize) {
    const names = [keys.clock]
    const fields = channels.slice(from, from + batchSize).map(({ name }) => {
      const run = runOf(name)
      if (run === undefined) return keys.head(name)
      names.push(keys.run(run))
      return ''
    })
    const [last, begin, ...rest] = (await link.call(heads, names, [known, ...fields])).map(Number)
    first ??= last!
    origin = begin!
    for (let index = 0; index < rest.length; index += 2) found.push({ kept: rest[index]!, liveOnly: rest[index + 1]! })
  }
  return { last: first!, origin, heads: found }
}

/**
 * The head of a run is in its hash. A run that is not known may have had events up to the last position.
 *
 * KEYS: clock, then hashes of runs. ARGV: known, then per channel: field of its head, or '' for the next run.
 * → { last, origin, then per channel: last kept event, last live-only event }
 */
export const heads: Script = script(`
local reply, run = { text(last), text(origin) }, 1
for index = 2, #ARGV do
  local kept, liveOnly
  if ARGV[index] == '' then
    run = run + 1
    kept = redis.call('HGET', KEYS[run], 'h') or text(last)
  else
    local head = redis.call('HGET', KEYS[1], ARGV[index])
    if head then kept, liveOnly = string.match(head, '^(%d+) (%d+)') end
  end
  reply[#reply + 1] = kept or text(forgotten)
  reply[#reply + 1] = liveOnly or '0'
end
return reply
`)
