import type { EventContract } from '@rivulet/core'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { Frame, WireEvent } from '../delivery/frame.js'
import { framesPerLook } from '../delivery/piece.js'
import { ConfigurationError } from '../runtime/errors.js'
import { decide } from '../runtime/guard.js'
import type { PlainAnswer } from '../sinks/plain-answer.js'
import { Refused } from './admission.js'
import type { Admitting } from './admitting.js'
import { type KeptEvent, newestEvents, wereTrimmed } from './latest-events.js'
import { answerReading, type ReadingRequest } from './reading.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Answers requests for kept events, older than those that a page already has.

/** A request for kept events, from any HTTP server. */
export interface EventHistoryRequest<Request> extends ReadingRequest<Request> {}

/** The answer to a request for kept events, for any HTTP implementation. */
export interface EventHistoryAnswer extends PlainAnswer {
  /** 200, 400 for a query that makes no sense, 403 for a channel that the route does not give, or the status of a refusal. */
  readonly status: number
  /** With 200, JSON: see PROTOCOL.md, "History". */
  readonly body: string
}

/** The options of a stream's route, of which `authorize`, `channels` and `filter` count, and the bound of an answer. */
export interface EventHistoryOptions<
  Request = unknown,
  Context = unknown,
  Contract extends EventContract = EventContract,
> extends EventStreamOptions<Request, Context, Contract> {
  /** The number of events that one answer may have, 1 or more. A client may ask for fewer. @default 100 */
  maxEvents?: number
}

/** The number of characters after which an answer ends, unless it has no event yet. */
const maxChars = 1_048_576

/** The part of the history that a client asks for. */
interface Asked {
  /** The position that ends the part. `undefined`: its end is the present. */
  readonly before: number | undefined
  readonly limit: number
}

/** Answers a request for kept events. Never rejects. */
export function answerHistory<Request, Context>(
  streams: Streams,
  request: EventHistoryRequest<Request>,
  options: EventHistoryOptions<Request, Context>,
): Promise<EventHistoryAnswer> {
  return answerReading(streams, request, options, async ({ admitting, channels, context }) => {
    const page = await readPage(streams, admitting, channels, readQuery(request.query, options.maxEvents))
    const sees = seer(streams, options, context as Context)
    const events: string[] = []
    for (const [index, event] of page.events.entries()) {
      const later = index % framesPerLook === 0 ? admitting.turn() : undefined
      if (later) await later
      if (sees(event)) events.push(encode(event))
    }
    return `{"events":[${events.join(',')}],${page.facts}}`
  })
}

/** @throws {Refused} with 400, or {ConfigurationError}. */
function readQuery(query: string, maxEvents = 100): Asked {
  if (!(Number.isSafeInteger(maxEvents) && maxEvents >= 1)) {
    throw new ConfigurationError('maxEvents', maxEvents, 'Pass an integer of 1 or more, or omit it.')
  }
  const parameters = new URLSearchParams(query)
  const id = parameters.get('before') ?? ''
  const before = parsePosition(id)
  if (id !== '' && before === undefined) throw new Refused({ status: 400, message: 'before: Send the id of an event.' })
  const limit = parameters.get('limit') ?? ''
  if (limit !== '' && !/^0*[1-9]\d{0,8}$/.test(limit)) {
    throw new Refused({ status: 400, message: 'limit: Send an integer of 1 or more.' })
  }
  return { before, limit: limit === '' ? maxEvents : Math.min(Number(limit), maxEvents) }
}

/** Reads a part of the history. Its facts are JSON: what there is before it. */
async function readPage(
  { runtime: { backplane } }: Streams,
  admitting: Admitting,
  channels: readonly string[],
  { before, limit }: Asked,
): Promise<{ readonly events: readonly KeptEvent[]; readonly facts: string }> {
  const fit = (events: readonly KeptEvent[]) => lastChars(events.slice(-limit))
  const { events, hasOlder } = await newestEvents(backplane, channels, { before, fit }, admitting)
  if (hasOlder) return { events, facts: `"hasOlder":true,"before":"${formatPosition(events[0]!.message.position)}"` }
  const trimmed = await wereTrimmed(backplane, channels, admitting)
  return { events, facts: `"hasOlder":false${trimmed ? ',"trimmed":true' : ''}` }
}

/** The last events that fit into an answer, at least one. */
function lastChars(events: readonly KeptEvent[]): readonly KeptEvent[] {
  let start = events.length
  for (let chars = 0; start > 0; start--) {
    chars += events[start - 1]!.message.data.length
    if (chars > maxChars && start < events.length) break
  }
  return events.slice(start)
}

/** Returns a function that asks the filter about an event. It withholds one for which the filter fails. */
function seer<Request, Context>(
  { runtime }: Streams,
  { filter }: EventStreamOptions<Request, Context>,
  context: Context,
): (event: KeptEvent) => boolean {
  if (!filter) return () => true
  const asks = (frame: Frame) => decide('filter()', () => filter(frame.event as WireEvent as never, context))
  return ({ channel, message }) => {
    try {
      return asks(runtime.replays.frame(channel, message))
    } catch (error) {
      runtime.report(error, { stage: 'filter', channel })
      return false
    }
  }
}

function encode({ message: { position, type, data } }: KeptEvent): string {
  return `{"id":"${formatPosition(position)}","event":${JSON.stringify(type)},"data":${data}}`
}
