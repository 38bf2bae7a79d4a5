import type { ReadResult, StoredMessage } from '@rivulet/server'
import type { Keys } from './keys.js'
import { decodeEvent } from './live-message.js'
import type { RedisLink } from './redis-link.js'
import { bound, type RetentionBounds } from './retention.js'
import { read, seek } from './scripts.js'

/** What a channel keeps after a position. */
export interface ReadRequest {
  readonly channel: string
  readonly bounds: RetentionBounds
  readonly after: number
  readonly limit: number
}

/** After which position a channel's last events are. */
export interface SeekRequest {
  readonly channel: string
  readonly bounds: RetentionBounds
  readonly count: number
}

/** Reads channels' logs at one moment. `known` is the highest position that this node knows to be given. */
export async function readLogs(
  link: RedisLink,
  keys: Keys,
  known: number,
  requests: readonly ReadRequest[],
): Promise<ReadResult[]> {
  const values = requests.flatMap(({ channel, after, limit, bounds }) => [
    keys.head(channel),
    after,
    countOf(limit),
    bound(bounds.maxAgeMs),
  ])
  const reply = await link.call(read, namesOf(keys, requests), [known, ...values])
  const storedPosition = Number(reply[0])
  const origin = Number(reply[1])
  const clock = Number(reply[2])
  let next = 3
  return requests.map(({ after, limit }) => {
    const lastPosition = Number(reply[next])
    const found = Number(reply[next + 1])
    next += 2
    const messages: StoredMessage[] = []
    let position = after
    // A position that was not given yet is of another history.
    const known = after >= origin && after <= Math.max(storedPosition, clock)
    let continuous = known
    for (const end = next + 3 * found; next < end; next += 3) {
      const seq = Number.parseInt(reply[next]!, 10)
      const previous = Number(reply[next + 1])
      continuous &&= previous <= position
      position = seq
      messages.push({ ...decodeEvent(reply[next + 2]!), position, previous })
    }
    if (found < countOf(limit)) continuous &&= lastPosition <= position
    if (limit === 0) messages.pop()
    if (continuous) return { messages, continuous, lastPosition, storedPosition, clock }
    return { messages, continuous, reason: known ? 'trimmed' : 'restarted', lastPosition, storedPosition, clock }
  })
}

/** Finds positions in channels' logs, at one moment. */
export async function seekLogs(
  link: RedisLink,
  keys: Keys,
  known: number,
  requests: readonly SeekRequest[],
): Promise<number[]> {
  const values = requests.flatMap(({ channel, count, bounds }) => [keys.head(channel), count, bound(bounds.maxAgeMs)])
  const reply = await link.call(seek, namesOf(keys, requests), [known, ...values])
  return reply.map(Number)
}

/** Whether nothing is missing can only be told by an event, or by there being none: one is asked for at least. */
function countOf(limit: number): number {
  return Math.max(1, limit)
}

function namesOf(keys: Keys, requests: readonly { readonly channel: string }[]): string[] {
  return [keys.clock, ...requests.map(({ channel }) => keys.log(channel))]
}
