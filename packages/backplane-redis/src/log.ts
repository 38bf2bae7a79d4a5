import type { ReadResult, StoredMessage } from '@rivulet/server'
import type { Keys } from './keys.js'
import type { Link } from './link.js'
import { decodeEvent } from './live-message.js'
import { type Bounds, bound } from './retention.js'
import { read } from './scripts.js'

/** Reads a channel's log after a position. `known` is the highest position that this node knows to be given. */
export async function readLog(
  link: Link,
  keys: Keys,
  channel: string,
  { maxAgeMs, headTtlMs }: Bounds,
  { known, after, limit }: { known: number; after: number; limit: number },
): Promise<ReadResult> {
  // Whether nothing is missing can only be told by an event, or by there being none: one is asked for at least.
  const count = Math.max(1, limit)
  const names = [keys.clock, keys.head(channel), keys.log(channel)]
  const reply = await link.call(read, names, [known, after, count, bound(maxAgeMs), bound(headTtlMs)])
  const [asOf, origin, head] = reply.slice(0, 3).map(Number) as [number, number, number]
  const messages: StoredMessage[] = []
  let position = after
  let continuous = after >= origin
  for (let index = 3; index < reply.length; index += 3) {
    const seq = Number.parseInt(reply[index]!, 10)
    const prev = Number(reply[index + 1])
    continuous &&= prev <= position
    position = seq
    messages.push({ ...decodeEvent(reply[index + 2]!), seq, prev })
  }
  if (messages.length < count) continuous &&= head <= position
  if (limit === 0) messages.pop()
  if (continuous) return { messages, continuous, head, asOf }
  return { messages, continuous, reason: after < origin ? 'restarted' : 'trimmed', head, asOf }
}
