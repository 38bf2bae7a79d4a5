import type { ReadResult, StoredMessage } from '@rivulet/server'
import type { Keys } from './keys.js'
import type { Link } from './link.js'
import { decodeEvent } from './live-message.js'
import { type Bounds, bound } from './retention.js'
import { read, seek } from './scripts.js'

/** What a channel keeps after a position. */
export interface ReadRequest {
  readonly channel: string
  readonly bounds: Bounds
  readonly after: number
  readonly limit: number
}

/** After which position a channel's last events are. */
export interface SeekRequest {
  readonly channel: string
  readonly bounds: Bounds
  readonly count: number
}

/** Reads channels' logs at one moment. `known` is the highest position that this node knows to be given. */
export async function readLogs(
  link: Link,
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
  const asOf = Number(reply[0])
  const origin = Number(reply[1])
  const clock = Number(reply[2])
  let next = 3
  return requests.map(({ after, limit }) => {
    const head = Number(reply[next])
    const found = Number(reply[next + 1])
    next += 2
    const messages: StoredMessage[] = []
    let position = after
    // A position that was not given yet is of another history.
    const known = after >= origin && after <= Math.max(asOf, clock)
    let continuous = known
    for (const end = next + 3 * found; next < end; next += 3) {
      const seq = Number.parseInt(reply[next]!, 10)
      const prev = Number(reply[next + 1])
      continuous &&= prev <= position
      position = seq
      messages.push({ ...decodeEvent(reply[next + 2]!), seq, prev })
    }
    if (found < countOf(limit)) continuous &&= head <= position
    if (limit === 0) messages.pop()
    if (continuous) return { messages, continuous, head, asOf, clock }
    return { messages, continuous, reason: known ? 'trimmed' : 'restarted', head, asOf, clock }
  })
}

/** Finds positions in channels' logs, at one moment. */
export async function seekLogs(
  link: Link,
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
