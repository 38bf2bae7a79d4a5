import { type EventContract, encodeControlEvent, encodeMessage, type GapEvent } from '@rivulet/core'
import type { ReadResult } from './backplane.js'
import type { CatchUpStart } from './catch-up.js'
import type { Engine } from './engine.js'
import { ConfigurationError } from './errors.js'
import { Frame, type WireEvent } from './frame.js'
import { createMessage } from './message.js'
import { all, readChannels, readLimit } from './read-channels.js'
import { parsePosition } from './sequence.js'
import type { Snapshot } from './stream-options.js'
import type { Streams } from './streams.js'

export interface JoinRequest {
  readonly channels: readonly string[]
  /** What the client offered; `undefined` or empty: nothing. */
  readonly lastEventId: string | undefined
  readonly replay: 'none' | 'latest' | number
  readonly filter: ((event: WireEvent) => boolean) | undefined
  readonly snapshot: (() => Promise<Snapshot<EventContract>>) | undefined
}

/** How a stream begins. */
export interface Join {
  readonly recovered: boolean | null
  /** How many events of the log come before the first live one. */
  readonly replayed: number
  /** What is sent between `rivulet:open` and the first event. */
  readonly prologue: string
  readonly start: Omit<CatchUpStart, 'ordinal'>
}

/** Finds where a stream begins. The connection has to belong to its cohort already, so that nothing falls between. */
export async function planJoin({ engine, options }: Streams, request: JoinRequest): Promise<Join> {
  const { backplane, clock } = engine
  const { channels, lastEventId, replay, snapshot } = request
  const cursor = lastEventId ? parsePosition(lastEventId) : undefined
  let lost: GapEvent[] = lastEventId ? [{ type: 'rivulet:gap', reason: 'restarted' }] : []
  if (cursor !== undefined) {
    const first = await readChannels(backplane, channels, () => cursor)
    const gaps = first.flatMap(({ continuous, reason = 'trimmed' }, index) =>
      continuous ? [] : [{ type: 'rivulet:gap', channel: channels[index]!, reason } as const],
    )
    // A position that was not given yet is not ours: from it on, real events would be taken for known ones.
    if (cursor <= asOfAll(first)) {
      if (gaps.length === 0 || !snapshot) {
        const replayed = await count(engine, request, first)
        return {
          recovered: gaps.length === 0,
          replayed,
          prologue: '',
          start: { position: cursor, bridge: Infinity, first },
        }
      }
      lost = gaps
    }
  }
  let prologue = lost.map((gap) => encodeControlEvent(gap)).join('')
  engine.counters.gaps += lost.length
  const recovered = lastEventId ? false : null
  const now = asOfAll(await all(channels.map((channel) => backplane.read(channel, 0, 0))))
  if (snapshot) {
    const { events, asOf } = await snapshot()
    const position = asOf === undefined ? now : parsePosition(asOf)
    if (position === undefined)
      throw new ConfigurationError('snapshot().asOf', asOf, 'Give the id of an event, as publish returned it.')
    for (const { type, payload } of events) {
      const stamp = { timestamp: clock.now(), source: options.source }
      const message = await createMessage(options.contract, type, payload, stamp)
      prologue += encodeMessage({ event: message.type, data: message.data })
    }
    return { recovered, replayed: 0, prologue, start: { position, bridge: Infinity } }
  }
  const last = replay === 'none' ? 0 : replay === 'latest' ? 1 : replay
  if (last === 0) return { recovered, replayed: 0, prologue, start: { position: now, bridge: Infinity } }
  const positions = await all(channels.map((channel) => backplane.seek(channel, last)))
  const floors = new Map(channels.map((channel, index) => [channel, positions[index]!]))
  const first = await readChannels(backplane, channels, (channel) => floors.get(channel)!)
  const replayed = await count(engine, request, first)
  return { recovered, replayed, prologue, start: { position: Math.min(...positions), bridge: Infinity, floors, first } }
}

function asOfAll(results: readonly ReadResult[]): number {
  return Math.min(...results.map(({ asOf }) => asOf))
}

/** How many events the log has for this stream from here on. Only their number is kept. */
async function count(engine: Engine, { channels, filter }: JoinRequest, first: readonly ReadResult[]): Promise<number> {
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
