import { encodeControlEvent, type GapEvent } from '@rivulet/core'
import type { ReadResult } from '../backplane/backplane.js'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { CatchUpStart } from '../delivery/catch-up.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import type { Frame } from '../delivery/frame.js'
import { type LogPage, makePage } from '../delivery/log-page.js'
import { all, readChannels, readLimit, shortReadLimit } from '../delivery/read-channels.js'
import type { Awaitable } from '../runtime/awaitable.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import type { Beginning, EncodedSnapshot } from './snapshot.js'

export interface JoinRequest {
  readonly channels: readonly string[]
  /** The client's cursor, unparsed. `undefined` or empty if it has none. */
  readonly lastEventId: string | undefined
  readonly replay: 'none' | 'latest' | number
  /** Tells if the stream's filter lets an event pass. `undefined` without a filter. */
  readonly sees: ((frame: Frame) => boolean) | undefined
  /** Runs a step of the backplane and waits for it, while the stream's request is pending. */
  readonly read: <T>(step: () => Awaitable<T>) => Promise<T>
  readonly snapshot: ((begun: Beginning) => Promise<EncodedSnapshot>) | undefined
}

/** The beginning of a stream. */
export interface Join {
  readonly recovered: boolean | null
  /** The number of events from the log before the first live one. */
  readonly replayed: number
  /**
   * The id of `rivulet:open`, for a client that does not resume from a cursor of its own. If it leaves before its first
   * event, it still misses nothing that is published while it is away.
   */
  readonly cursor: string | undefined
  /** The address where the client reads on after a break, if it is not the one that it asked. */
  readonly location?: string | undefined
  /** The text between `rivulet:open` and the first event. */
  readonly prologue: string
  /** The gaps that the prologue announces. */
  readonly gaps: readonly ServerGapReason[]
  readonly start: Omit<CatchUpStart, 'ordinal'>
}

/**
 * Determines where a stream begins. MUST be called in the same turn in which the connection's live events start to be
 * held back: every event is then either in the log at the first read, or held back.
 */
export async function planJoin(runtime: DeliveryRuntime, request: JoinRequest): Promise<Join> {
  const { backplane } = runtime
  const { channels, lastEventId, replay, snapshot, read } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  const limit = cursor === undefined ? 0 : undefined
  const first = await read(() => readChannels(backplane, channels, () => cursor ?? 0, limit))
  const bridge = Math.min(...first.map(({ storedPosition }) => storedPosition))
  const clock = Math.min(...first.map((result) => result.clock))
  const now = Math.max(clock, ...first.map(({ lastPosition }) => Math.min(lastPosition, bridge)))
  // A position in the future is not ours: new events up to it would count as known.
  const known = cursor !== undefined && cursor <= Math.max(bridge, clock)
  const recovered = known ? first.every(({ continuous }) => continuous) : lastEventId ? false : null
  if (known && (recovered || !snapshot)) {
    const { replayed, pages } = await readAhead(runtime, request, { position: cursor, bridge, first })
    return {
      recovered,
      replayed,
      cursor: undefined,
      prologue: '',
      gaps: [],
      start: { position: cursor, bridge, pages },
    }
  }
  const announced = announce(recovered !== false ? [] : known ? gapsOf(channels, first) : [restarted])
  if (snapshot) {
    const { start, cursor, text } = await snapshot({ position: bridge, cursor: now })
    const prologue = announced.prologue + text
    return {
      recovered,
      replayed: 0,
      cursor: text ? undefined : formatPosition(cursor),
      prologue,
      gaps: announced.gaps,
      start: { position: start, bridge },
    }
  }
  const last = replay === 'none' ? 0 : replay === 'latest' ? 1 : replay
  if (!(last > 0)) {
    const cursor = formatPosition(now)
    return { recovered, replayed: 0, cursor, ...announced, start: { position: bridge, bridge } }
  }
  const positions = await read(() => all(channels.map((channel) => backplane.seek(channel, last))))
  const floors = new Map(channels.map((channel, index) => [channel, positions[index]!]))
  const kept = await read(() => readChannels(backplane, channels, (channel) => floors.get(channel)!))
  const position = Math.min(...positions)
  const { replayed, pages } = await readAhead(runtime, request, { position, bridge, floors, first: kept })
  const firsts = kept.map(({ messages }) => (messages[0] ? messages[0].position - 1 : now))
  return {
    recovered,
    replayed,
    cursor: formatPosition(Math.min(now, ...firsts)),
    ...announced,
    start: { position, bridge, floors, pages },
  }
}

/** A gap that is announced before the first event. */
export interface Gap extends GapEvent {
  readonly reason: ServerGapReason
}

export const restarted: Gap = { type: 'rivulet:gap', reason: 'restarted' }

function gapsOf(channels: readonly string[], results: readonly ReadResult[]): Gap[] {
  return results.flatMap(({ continuous, reason = 'trimmed' }, index) =>
    continuous ? [] : [{ type: 'rivulet:gap', channel: channels[index]!, reason }],
  )
}

export function announce(gaps: readonly Gap[]): Pick<Join, 'prologue' | 'gaps'> {
  return { prologue: gaps.map((gap) => encodeControlEvent(gap)).join(''), gaps: gaps.map(({ reason }) => reason) }
}

/** The number of characters of counted events that are kept until the stream gets them. Events beyond that are read again. */
const keptChars = 262_144
/** The number of reads in a row after which other work gets a turn. */
const readsPerTurn = 16

/** Counts the events that the log has for a stream, and keeps the first pages. */
export async function readAhead(
  { backplane, clock, replays }: DeliveryRuntime,
  { channels, sees, read }: JoinRequest,
  start: { position: number; bridge: number; floors?: Map<string, number>; first: readonly ReadResult[] },
): Promise<{ replayed: number; pages: readonly LogPage[] }> {
  const { bridge } = start
  const floors = new Map(start.floors)
  const pages: LogPage[] = []
  let { position, first: results } = start
  const after = (channel: string) => Math.max(position, floors.get(channel) ?? 0)
  let replayed = 0
  let chars = 0
  let limit = readLimit(channels.length)
  for (let reads = 1; position < bridge; reads++) {
    if (reads > 1) results = await read(() => readChannels(backplane, channels, after, limit))
    if (reads % readsPerTurn === 0) await new Promise<void>((resolve) => clock.defer(resolve))
    const page = makePage({ channels, bridge, limit, sees }, results, replays)
    if (sees) limit = shortReadLimit(1, results)
    for (const { channel, upTo } of page.lost) floors.set(channel, upTo)
    position = page.through
    replayed += page.events
    chars += page.chars
    if (chars <= keptChars || reads === 1) pages.push(page)
  }
  return { replayed, pages }
}
