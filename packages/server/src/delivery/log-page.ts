import type { ReadResult, StoredMessage } from '../backplane/backplane.js'
import { type Frame, largeChars } from './frame.js'
import { pieceChars } from './piece.js'
import { readLimit } from './read-channels.js'
import { type Part, partOf, type Replays } from './replays.js'

/** Events of a channel that a stream lacks and cannot get. */
export interface Lost {
  readonly channel: string
  /** The position of the last lost event. */
  readonly upTo: number
  readonly reason: ReadResult['reason']
}

/** The events that one read of the log has for one stream. Encoded on demand. */
export interface LogPage {
  readonly lost: readonly Lost[]
  /** The number of events. */
  readonly events: number
  /** The total length of their data in characters. */
  readonly chars: number
  /** A stream that has this page has every event up to this position. */
  readonly through: number
  /** The piece that begins with the event at an index. */
  part(index: number, replays: Replays): Part
}

export interface PageRequest {
  readonly channels: readonly string[]
  /** The last position that is wanted. */
  readonly bridge: number
  /** The number of events of each channel that the read asked for. @default readLimit(channels.length) */
  readonly limit?: number
  /** Tells if the stream's filter lets an event pass. Called once for each event. `undefined` without a filter. */
  readonly sees: ((frame: Frame) => boolean) | undefined
}

/** Merges the events that were read from a stream's channels, by position. */
export function makePage(
  { channels, bridge, limit = readLimit(channels.length), sees }: PageRequest,
  results: readonly ReadResult[],
  replays: Replays,
): LogPage {
  const lost: Lost[] = []
  let through = bridge
  for (const [index, { messages, continuous, reason, lastPosition }] of results.entries()) {
    // A full read ends here. The channel's next events may come before events already read from other channels.
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
  // Filters no more than one write can take: pages are dropped while a connection drains, and filtering again is expensive.
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

/** All events of one channel, in pieces that other streams share. */
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
