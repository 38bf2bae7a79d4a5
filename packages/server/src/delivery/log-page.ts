import type { ReadResult, StoredMessage } from '../backplane/backplane.js'
import { type Frame, largeChars } from './frame.js'
import { pieceChars } from './piece.js'
import { readLimit } from './read-channels.js'
import { type Part, partOf, type Replays } from './replays.js'

/** What a stream lacks of a channel, and will not be given. */
export interface Lost {
  readonly channel: string
  /** The position of the last lost event. */
  readonly upTo: number
  readonly reason: ReadResult['reason']
}

/** What one read of the log has for one stream. Nothing of it is encoded before it is asked for. */
export interface LogPage {
  readonly lost: readonly Lost[]
  /** How many events it has. */
  readonly events: number
  /** How many characters their data has. */
  readonly chars: number
  /** A stream that was given this page has every event up to this position. */
  readonly through: number
  /** The events from an index on, as many as make a piece. */
  part(index: number, replays: Replays): Part
}

export interface PageRequest {
  readonly channels: readonly string[]
  /** Up to which position events are wanted. */
  readonly bridge: number
  /** Tells whether the stream's filter lets an event pass; `undefined` where it has none. Asked once for each event. */
  readonly sees: ((frame: Frame) => boolean) | undefined
}

/** Puts what was read of a stream's channels in order. */
export function makePage(
  { channels, bridge, sees }: PageRequest,
  results: readonly ReadResult[],
  replays: Replays,
): LogPage {
  const limit = readLimit(channels.length)
  const lost: Lost[] = []
  let through = bridge
  for (const [index, { messages, continuous, reason, lastPosition }] of results.entries()) {
    // Only so far does this read know the channel: what comes later may be older than another channel's events.
    if (messages.length === limit) through = Math.min(through, messages.at(-1)!.position)
    if (!continuous) lost.push({ channel: channels[index]!, upTo: messages[0]?.previous ?? lastPosition, reason })
  }
  const given = results.map(({ messages }, index) => ({
    channel: channels[index]!,
    messages: upTo(messages, through),
  }))
  const filled = given.filter(({ messages }) => messages.length > 0)
  const [first] = filled
  if (first && filled.length === 1 && !sees) return { lost, through, ...pageOfOne(first.channel, first.messages) }
  const frames = filled.flatMap(({ channel, messages }) => messages.map((message) => replays.frame(channel, message)))
  if (filled.length > 1) frames.sort((one, other) => one.position! - other.position!)
  if (!sees) return { lost, through, ...pageOf(frames) }
  // No more than is written at once: the rest of a page is not kept while a connection drains, and a filter is dear.
  const seen: Frame[] = []
  let chars = 0
  for (const [index, frame] of frames.entries()) {
    if (chars >= pieceChars) {
      through = frames[index - 1]!.position!
      break
    }
    if (!sees(frame)) continue
    seen.push(frame)
    chars += frame.size
  }
  return { lost, through, ...pageOf(seen) }
}

function upTo(messages: readonly StoredMessage[], last: number): readonly StoredMessage[] {
  if (messages.length === 0 || messages.at(-1)!.position <= last) return messages
  return messages.filter(({ position }) => position <= last)
}

type Content = Pick<LogPage, 'events' | 'chars' | 'part'>

/** Every event of one channel: what other streams are given too. */
function pageOfOne(channel: string, messages: readonly StoredMessage[]): Content {
  return {
    events: messages.length,
    chars: messages.reduce((sum, { data }) => sum + data.length, 0),
    part: (index, replays) => replays.part(channel, messages, index),
  }
}

function pageOf(frames: readonly Frame[]): Content {
  return {
    events: frames.length,
    chars: frames.reduce((sum, { size }) => sum + size, 0),
    part(index) {
      let end = index
      let chars = 0
      while (end < frames.length && chars < pieceChars) {
        const { size } = frames[end]!
        if (size > largeChars && end > index) break
        chars += size
        end++
      }
      return partOf(frames.slice(index, end))
    },
  }
}
