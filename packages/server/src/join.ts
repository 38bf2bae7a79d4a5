import { encodeControlEvent, type GapEvent } from '@rivulet/core'
import type { ReadResult } from './backplane.js'
import type { CatchUpStart } from './catch-up.js'
import { Frame, type WireEvent } from './frame.js'
import { all, readChannels, readLimit } from './read-channels.js'
import { formatPosition, parsePosition } from './sequence.js'
import type { EncodedSnapshot } from './snapshot.js'
import type { Streams } from './streams.js'

export interface JoinRequest {
  readonly channels: readonly string[]
  /** What the client offered; `undefined` or empty: nothing. */
  readonly lastEventId: string | undefined
  readonly replay: 'none' | 'latest' | number
  readonly filter: ((event: WireEvent) => boolean) | undefined
  readonly snapshot: ((position: number) => Promise<EncodedSnapshot>) | undefined
}

/** How a stream begins. */
export interface Join {
  readonly recovered: boolean | null
  /** How many events of the log come before the first live one. */
  readonly replayed: number
  /**
   * The id of `rivulet:open`, for a client that does not go on from its own: so that what is published while it is away,
   * before its first event, is not lost to it.
   */
  readonly cursor: string | undefined
  /** What is sent between `rivulet:open` and the first event. */
  readonly prologue: string
  readonly start: Omit<CatchUpStart, 'ordinal'>
}

/**
 * Finds where a stream begins. It has to be called in the turn in which live events begin to be held back for the
 * connection: whatever was published before its first read is in the log, all else among what is held back.
 */
export async function planJoin(streams: Streams, request: JoinRequest): Promise<Join> {
  const { backplane } = streams.engine
  const { channels, lastEventId, replay, snapshot } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  const first = await readChannels(backplane, channels, () => cursor ?? 0, cursor === undefined ? 0 : undefined)
  const bridge = Math.min(...first.map(({ asOf }) => asOf))
  // A position that was not given yet is not ours: from it on, real events would be taken for known ones.
  const known = cursor !== undefined && cursor <= bridge
  const recovered = known ? first.every(({ continuous }) => continuous) : lastEventId ? false : null
  if (known && (recovered || !snapshot)) {
    const replayed = await count(streams, request, first)
    return { recovered, replayed, cursor: undefined, prologue: '', start: { position: cursor, bridge, first } }
  }
  let prologue = recovered === false ? announce(streams, known ? gapsOf(channels, first) : [restarted]) : ''
  if (snapshot) {
    const { position, text } = await snapshot(bridge)
    prologue += text
    return {
      recovered,
      replayed: 0,
      cursor: text ? undefined : formatPosition(position),
      prologue,
      start: { position, bridge },
    }
  }
  const last = replay === 'none' ? 0 : replay === 'latest' ? 1 : replay
  if (!(last > 0)) {
    const cursor = formatPosition(bridge)
    return { recovered, replayed: 0, cursor, prologue, start: { position: bridge, bridge } }
  }
  const positions = await all(channels.map((channel) => backplane.seek(channel, last)))
  const floors = new Map(channels.map((channel, index) => [channel, positions[index]!]))
  const kept = await readChannels(backplane, channels, (channel) => floors.get(channel)!)
  const replayed = await count(streams, request, kept)
  const position = Math.min(...positions)
  return {
    recovered,
    replayed,
    cursor: formatPosition(position),
    prologue,
    start: { position, bridge, floors, first: kept },
  }
}

const restarted: GapEvent = { type: 'rivulet:gap', reason: 'restarted' }

function gapsOf(channels: readonly string[], results: readonly ReadResult[]): GapEvent[] {
  return results.flatMap(({ continuous, reason = 'trimmed' }, index) =>
    continuous ? [] : [{ type: 'rivulet:gap', channel: channels[index]!, reason }],
  )
}

function announce({ engine }: Streams, gaps: readonly GapEvent[]): string {
  engine.counters.gaps += gaps.length
  return gaps.map((gap) => encodeControlEvent(gap)).join('')
}

/** How many events the log has for this stream from here on. Only their number is kept. */
async function count(
  { engine }: Streams,
  { channels, filter }: JoinRequest,
  first: readonly ReadResult[],
): Promise<number> {
  const limit = readLimit(channels.length)
  let events = 0
  for (const [index, channel] of channels.entries()) {
    let { messages } = first[index]!
    for (;;) {
      events += filter ? messages.filter((message) => sees(filter, Frame.of(channel, message))).length : messages.length
      if (messages.length < limit) break
      messages = (await engine.backplane.read(channel, messages.at(-1)!.seq, limit)).messages
    }
  }
  return events
}

// What it throws is reported when the event itself is withheld.
function sees(filter: (event: WireEvent) => boolean, { event }: Frame): boolean {
  try {
    return !event || filter(event)
  } catch {
    return false
  }
}
