import type { ReadResult, StoredMessage } from '../backplane/backplane.js'
import { readLimit } from './read-channels.js'

/** Events of a channel that a stream lacks and cannot get. */
export interface Lost {
  readonly channel: string
  /** The position of the last lost event. */
  readonly upTo: number
  readonly reason: ReadResult['reason']
}

/** Events of the log in the order of their positions. */
export interface LogEvents {
  /** The channels that they are of. */
  readonly channels: readonly string[]
  /** Stands for these channels in a key. */
  readonly group: string
  readonly messages: readonly StoredMessage[]
  /** The channel of the event at an index. */
  channelOf(index: number): string
}

/** The events that one read of the log has for a stream, before its filter. */
export interface LogPage extends LogEvents {
  readonly lost: readonly Lost[]
  /** The total length of their data in characters. */
  readonly chars: number
  /** A stream that has this page has every event up to this position. */
  readonly through: number
}

export interface PageRequest {
  readonly channels: readonly string[]
  /** The last position that is wanted. */
  readonly bridge: number
  /** The number of events of each channel that the read asked for. @default readLimit(channels.length) */
  readonly limit?: number
}

/** Merges the events that were read from a stream's channels, by position. */
export function makePage(
  { channels, bridge, limit = readLimit(channels.length) }: PageRequest,
  results: readonly ReadResult[],
): LogPage {
  const lost: Lost[] = []
  let through = bridge
  for (const [index, result] of results.entries()) {
    const { messages, continuous, reason, lastPosition } = result
    // A full read ends here. The channel's next events may come before events already read from other channels.
    if (messages.length === limit) through = Math.min(through, messages.at(-1)!.position)
    if (continuous) continue
    lost.push({ channel: channels[index]!, upTo: messages[0]?.previous ?? lastPosition, reason })
    // The next read tells of losses behind the first event: it begins with them.
    through = Math.min(through, beforeHole(result, limit))
  }
  const { channels: filled, group, messages, channelOf } = merge(channels, results, through)
  let chars = 0
  for (const { data } of messages) chars += data.length
  return { channels: filled, group, messages, channelOf, lost, chars, through }
}

/** The position of the event that the first hole between or behind the events of a read follows; `Infinity` if there is none. */
function beforeHole({ messages, lastPosition }: ReadResult, limit: number): number {
  const hole = messages.findIndex(({ previous }, index) => index > 0 && previous > messages[index - 1]!.position)
  if (hole > 0) return messages[hole - 1]!.position
  const last = messages.at(-1)?.position ?? Infinity
  return messages.length < limit && lastPosition > last ? last : Infinity
}

function merge(channels: readonly string[], results: readonly ReadResult[], through: number): LogEvents {
  const own = results.map(({ messages }) => upTo(messages, through))
  const filled = channels.filter((_, index) => own[index]!.length > 0)
  if (filled.length <= 1) {
    const [channel = ''] = filled
    const messages = own.find(({ length }) => length > 0) ?? []
    return { channels: filled, group: channel, messages, channelOf: () => channel }
  }
  const entries = own.flatMap((messages, index) => messages.map((message) => ({ message, channel: channels[index]! })))
  entries.sort((one, other) => one.message.position - other.message.position)
  return {
    channels: filled,
    group: JSON.stringify(filled),
    messages: entries.map(({ message }) => message),
    channelOf: (index) => entries[index]!.channel,
  }
}

function upTo(messages: readonly StoredMessage[], last: number): readonly StoredMessage[] {
  if (messages.length === 0 || messages.at(-1)!.position <= last) return messages
  return messages.filter(({ position }) => position <= last)
}
