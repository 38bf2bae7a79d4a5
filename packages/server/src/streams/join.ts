import { encodeControlEvent, type GapEvent } from '@rivulet/core'
import type { ReadResult } from '../backplane/backplane.js'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { CatchUpStart } from '../delivery/catch-up.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import type { Frame } from '../delivery/frame.js'
import { type LogPage, makePage } from '../delivery/log-page.js'
import { all, readChannels } from '../delivery/read-channels.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import type { Beginning, EncodedSnapshot } from './snapshot.js'

export interface JoinRequest {
  readonly channels: readonly string[]
  /** What the client offered; `undefined` or empty: nothing. */
  readonly lastEventId: string | undefined
  readonly replay: 'none' | 'latest' | number
  /** Tells whether the stream's filter lets an event pass; `undefined` where it has none. */
  readonly sees: ((frame: Frame) => boolean) | undefined
  readonly snapshot: ((begun: Beginning) => Promise<EncodedSnapshot>) | undefined
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
export async function planJoin(runtime: DeliveryRuntime, request: JoinRequest): Promise<Join> {
  const { backplane } = runtime
  const { channels, lastEventId, replay, snapshot } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  const first = await readChannels(backplane, channels, () => cursor ?? 0, cursor === undefined ? 0 : undefined)
  const bridge = Math.min(...first.map(({ storedPosition }) => storedPosition))
  const clock = Math.min(...first.map((result) => result.clock))
  const now = Math.max(clock, ...first.map(({ lastPosition }) => Math.min(lastPosition, bridge)))
  // A position that is yet to be given is not ours: from it on, real events would be taken for known ones.
  const known = cursor !== undefined && cursor <= Math.max(bridge, clock)
  const recovered = known ? first.every(({ continuous }) => continuous) : lastEventId ? false : null
  if (known && (recovered || !snapshot)) {
    const { replayed, pages } = await readAhead(runtime, request, { position: cursor, bridge, first })
    return { recovered, replayed, cursor: undefined, prologue: '', start: { position: cursor, bridge, pages } }
  }
  let prologue = recovered === false ? announce(runtime, known ? gapsOf(channels, first) : [restarted]) : ''
  if (snapshot) {
    const { start, cursor, text } = await snapshot({ position: bridge, cursor: now })
    prologue += text
    return {
      recovered,
      replayed: 0,
      cursor: text ? undefined : formatPosition(cursor),
      prologue,
      start: { position: start, bridge },
    }
  }
  const last = replay === 'none' ? 0 : replay === 'latest' ? 1 : replay
  if (!(last > 0)) {
    const cursor = formatPosition(now)
    return { recovered, replayed: 0, cursor, prologue, start: { position: bridge, bridge } }
  }
  const positions = await all(channels.map((channel) => backplane.seek(channel, last)))
  const floors = new Map(channels.map((channel, index) => [channel, positions[index]!]))
  const kept = await readChannels(backplane, channels, (channel) => floors.get(channel)!)
  const position = Math.min(...positions)
  const { replayed, pages } = await readAhead(runtime, request, { position, bridge, floors, first: kept })
  const firsts = kept.map(({ messages }) => (messages[0] ? messages[0].position - 1 : now))
  return {
    recovered,
    replayed,
    cursor: formatPosition(Math.min(now, ...firsts)),
    prologue,
    start: { position, bridge, floors, pages },
  }
}

/** A gap that is told before the first event. */
export interface Gap extends GapEvent {
  readonly reason: ServerGapReason
}

export const restarted: Gap = { type: 'rivulet:gap', reason: 'restarted' }

function gapsOf(channels: readonly string[], results: readonly ReadResult[]): Gap[] {
  return results.flatMap(({ continuous, reason = 'trimmed' }, index) =>
    continuous ? [] : [{ type: 'rivulet:gap', channel: channels[index]!, reason }],
  )
}

export function announce({ counters }: DeliveryRuntime, gaps: readonly Gap[]): string {
  for (const { reason } of gaps) counters.gaps[reason]++
  return gaps.map((gap) => encodeControlEvent(gap)).join('')
}

/** How many characters of events are kept from when they are counted until they are given; beyond that they are read again. */
const keptChars = 262_144
/** After so many reads in a row other work comes first. */
const readsPerTurn = 16

/** Counts the events that the log has for a stream, and keeps the first of them for it. */
export async function readAhead(
  { backplane, clock, replays }: DeliveryRuntime,
  { channels, sees }: JoinRequest,
  start: { position: number; bridge: number; floors?: Map<string, number>; first: readonly ReadResult[] },
): Promise<{ replayed: number; pages: readonly LogPage[] }> {
  const { bridge } = start
  const floors = new Map(start.floors)
  const pages: LogPage[] = []
  let { position, first: results } = start
  let replayed = 0
  let chars = 0
  for (let reads = 1; position < bridge; reads++) {
    if (reads > 1)
      results = await readChannels(backplane, channels, (name) => Math.max(position, floors.get(name) ?? 0))
    if (reads % readsPerTurn === 0) await new Promise<void>((resolve) => clock.defer(resolve))
    const page = makePage({ channels, bridge, sees }, results, replays)
    for (const { channel, upTo } of page.lost) floors.set(channel, upTo)
    position = page.through
    replayed += page.events
    chars += page.chars
    if (chars <= keptChars || reads === 1) pages.push(page)
  }
  return { replayed, pages }
}
