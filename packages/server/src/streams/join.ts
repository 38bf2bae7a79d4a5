import { encodeControlEvent, type GapEvent } from '@rivulet/core'
import type { Backplane, ReadResult } from '../backplane/backplane.js'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { CatchUpStart } from '../delivery/catch-up.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import type { Frame } from '../delivery/frame.js'
import { type LogPage, makePage } from '../delivery/log-page.js'
import { framesPerLook } from '../delivery/piece.js'
import { all, readChannels } from '../delivery/read-channels.js'
import { Verdicts } from '../delivery/verdicts.js'
import type { Awaitable } from '../runtime/awaitable.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import type { Asking } from './asking.js'
import { latestEvents } from './latest-events.js'
import type { TakeSnapshot } from './snapshot.js'

// Decides where a stream begins: after the cursor, at the latest events, or now, and if a resume is continuous.

export interface JoinRequest {
  readonly channels: readonly string[]
  /** The client's cursor, unparsed. `undefined` or empty if it has none. */
  readonly lastEventId: string | undefined
  readonly replay: Replay
  /** Tells if the stream's filter lets an event pass. `undefined` without a filter. */
  readonly sees: ((frame: Frame) => boolean) | undefined
  /** Runs the steps of the backplane, and waits for them while the stream's request is pending. */
  readonly admitting: Pick<Asking, 'read' | 'turn'>
  readonly snapshot: TakeSnapshot | undefined
}

/** The kept events that a client without a cursor gets: of each channel, or with `last` of all channels together. */
export type Replay = 'none' | 'latest' | number | { readonly last: number }

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
  /** The stream is a run. */
  readonly run?: true
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
  const { channels, lastEventId, replay, snapshot, admitting } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  const limit = cursor === undefined ? 0 : undefined
  const reading = admitting.read(() => readChannels(backplane, channels, () => cursor ?? 0, limit))
  const first = reading instanceof Promise ? await reading : reading
  const { bridge, clock, now } = horizonOf(first)
  // A position in the future is not ours: new events up to it would count as known.
  const known = cursor !== undefined && cursor <= Math.max(bridge, clock)
  const recovered = known ? first.every(({ continuous }) => continuous) : lastEventId ? false : null
  if (known && (recovered || !snapshot)) {
    const { replayed, pages, verdicts } = await readAhead(runtime, request, { position: cursor, bridge, first })
    return {
      recovered,
      replayed,
      cursor: undefined,
      prologue: '',
      gaps: [],
      start: { position: cursor, bridge, pages, verdicts },
    }
  }
  if (snapshot) {
    const taken = await snapshot({ position: bridge, cursor: now, marked: true }, channels)
    // A client drops events up to its own cursor, unless the ids count from the start again.
    const gaps = known && taken.cursor > cursor ? gapsOf(channels, first) : [restarted]
    const announced = announce(recovered === false ? gaps : [])
    return {
      recovered,
      replayed: 0,
      cursor: taken.text ? undefined : formatPosition(taken.cursor),
      prologue: announced.prologue + taken.text,
      gaps: announced.gaps,
      start: { position: taken.start, bridge },
    }
  }
  const announced = announce(recovered === false ? [restarted] : [])
  const starting = replayStarts(backplane, channels, replay, admitting)
  const floors = starting instanceof Promise ? await starting : starting
  if (!floors) {
    const cursor = formatPosition(now)
    return { recovered, replayed: 0, cursor, ...announced, start: { position: bridge, bridge } }
  }
  const fetching = admitting.read(() => readChannels(backplane, channels, (channel) => floors.get(channel)!))
  const kept = fetching instanceof Promise ? await fetching : fetching
  const position = Math.min(...floors.values())
  const { replayed, pages, verdicts } = await readAhead(runtime, request, { position, bridge, floors, first: kept })
  const firsts = kept.map(({ messages }) => (messages[0] ? messages[0].position - 1 : now))
  return {
    recovered,
    replayed,
    cursor: formatPosition(Math.min(now, ...firsts)),
    ...announced,
    start: { position, bridge, floors, pages, verdicts },
  }
}

/** The present, as the first read of a stream's channels shows it. */
export interface Horizon {
  /** Events up to this position, on any channel, are in the log. */
  readonly bridge: number
  readonly clock: number
  /** The position for a client that begins now. Reveals nothing about other channels. */
  readonly now: number
}

export function horizonOf(first: readonly ReadResult[]): Horizon {
  let bridge = Infinity
  let clock = Infinity
  for (const result of first) {
    bridge = Math.min(bridge, result.storedPosition)
    clock = Math.min(clock, result.clock)
  }
  let now = clock
  for (const { lastPosition } of first) now = Math.max(now, Math.min(lastPosition, bridge))
  return { bridge, clock, now }
}

/** Finds the positions after which the replayed events of each channel follow. `undefined` if none are replayed. */
export function replayStarts(
  backplane: Backplane,
  channels: readonly string[],
  replay: Replay,
  asking: Pick<Asking, 'read'>,
): Awaitable<Map<string, number> | undefined> {
  const last = replay === 'none' ? 0 : replay === 'latest' ? 1 : typeof replay === 'object' ? replay.last : replay
  if (!(last > 0)) return undefined
  if (typeof replay === 'object' && channels.length > 1) {
    const finding = latestEvents(backplane, channels, last, asking)
    return finding instanceof Promise ? finding.then(({ starts }) => starts) : finding.starts
  }
  const seeking = asking.read(() => all(channels.map((channel) => backplane.seek(channel, last))))
  const starts = (positions: readonly number[]) =>
    new Map(channels.map((channel, index) => [channel, positions[index]!]))
  return seeking instanceof Promise ? seeking.then(starts) : starts(seeking)
}

/** A gap that is announced before the first event. */
export interface Gap extends GapEvent {
  readonly reason: ServerGapReason
}

export const restarted: Gap = { type: 'rivulet:gap', reason: 'restarted' }

/** A snapshot takes the place of events on every channel, also on those of which the log has them all. */
function gapsOf(channels: readonly string[], results: readonly ReadResult[]): Gap[] {
  const channel = channels.length === 1 ? channels[0] : undefined
  const reasons = results.flatMap(({ continuous, reason = 'trimmed' }) => (continuous ? [] : [reason]))
  return [...new Set(reasons)].map((reason) => ({ type: 'rivulet:gap', channel, reason }))
}

export function announce(gaps: readonly Gap[]): Pick<Join, 'prologue' | 'gaps'> {
  return { prologue: gaps.map((gap) => encodeControlEvent(gap)).join(''), gaps: gaps.map(({ reason }) => reason) }
}

/** The number of characters of counted events that are kept until the stream gets them. Events beyond that are read again. */
const keptChars = 262_144

/** The events that the log has for a stream. */
interface ReadAhead {
  readonly replayed: number
  /** The first of them. */
  readonly pages: readonly LogPage[]
  readonly verdicts: Verdicts | undefined
}

/** Counts the events that the log has for a stream, asks its filter about each, and keeps the first pages. */
export async function readAhead(
  { backplane, replays }: DeliveryRuntime,
  { channels, sees, admitting }: JoinRequest,
  start: { position: number; bridge: number; floors?: ReadonlyMap<string, number>; first: readonly ReadResult[] },
): Promise<ReadAhead> {
  const { bridge } = start
  const verdicts = sees && new Verdicts(sees)
  const floors = new Map(start.floors)
  const pages: LogPage[] = []
  let { position, first: results } = start
  const after = (channel: string) => Math.max(position, floors.get(channel) ?? 0)
  let replayed = 0
  let chars = 0
  for (let reads = 1; position < bridge; reads++) {
    if (reads > 1) {
      const later = admitting.turn()
      if (later) await later
      results = await admitting.read(() => readChannels(backplane, channels, after))
    }
    const page = makePage({ channels, bridge }, results)
    const { messages, channelOf } = page
    for (const { channel, upTo } of page.lost) floors.set(channel, upTo)
    position = page.through
    chars += page.chars
    if (chars <= keptChars || reads === 1) pages.push(page)
    if (!verdicts) replayed += messages.length
    for (let index = 0; verdicts && index < messages.length; index++) {
      if (verdicts.ask(replays.frame(channelOf(index), messages[index]!))) replayed++
      const later = index % framesPerLook === 0 ? admitting.turn() : undefined
      if (later) await later
    }
  }
  return { replayed, pages, verdicts }
}
