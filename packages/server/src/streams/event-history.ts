import type { EventContract } from '@rivulet/core'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { Frame, WireEvent } from '../delivery/frame.js'
import { framesPerLook } from '../delivery/piece.js'
import { all } from '../delivery/read-channels.js'
import { ConfigurationError } from '../runtime/errors.js'
import { decide } from '../runtime/guard.js'
import { Refused } from './admission.js'
import type { Admitting } from './admitting.js'
import { type KeptEvent, latestEvents, wasTrimmed } from './latest-events.js'
import { answer, type PlainAnswer, refuse } from './plain-answer.js'
import { distinctNames, nameRule, requestedChannels } from './requested.js'
import { askAdmission, askChannels } from './route-answers.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Answers requests for kept events, older than those that a page already has.

/** A request for kept events, from any HTTP server. */
export interface EventHistoryRequest<Request> {
  /** The framework's own request, passed to `authorize` and `channels`. */
  readonly raw: Request
  /** The query of its address, without `?`. */
  readonly query: string
}

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
  /** `undefined`: all that the route gives. */
  readonly requested: readonly string[] | undefined
  /** The position that ends the part. `undefined`: its end is the present. */
  readonly before: number | undefined
  readonly limit: number
}

/** Answers a request for kept events. Never rejects. */
export async function answerHistory<Request, Context>(
  streams: Streams,
  { raw, query }: EventHistoryRequest<Request>,
  options: EventHistoryOptions<Request, Context>,
): Promise<EventHistoryAnswer> {
  let admitting: Admitting | undefined
  try {
    const { requested, before, limit } = readQuery(query, options.maxEvents)
    admitting = streams.admitHistory()
    const later = admitting.turn()
    if (later) await later
    const admission = await askAdmission(admitting, raw, options)
    if (admission.expiresAt <= streams.runtime.clock.now()) throw new Refused({ status: 401 })
    const given = await askChannels(admitting, { raw, requested }, admission, options)
    if (requested?.some((name) => !given.includes(name))) throw new Refused({ status: 403 })
    const page = await readPage(streams, admitting, { requested: requested ?? given, before, limit })
    const sees = seer(streams, options, admission.context as Context)
    const events: string[] = []
    for (const [index, event] of page.events.entries()) {
      const later = index % framesPerLook === 0 ? admitting.turn() : undefined
      if (later) await later
      if (sees(event)) events.push(encode(event))
    }
    admitting.check()
    return answer(200, 'application/json', `{"events":[${events.join(',')}],${page.facts}}`)
  } catch (outcome) {
    if (!Refused.is(outcome)) streams.runtime.report(outcome, { stage: 'read' })
    return refuse(Refused.is(outcome) ? outcome.refusal : { status: 500 })
  } finally {
    if (admitting) streams.answered(admitting)
  }
}

/** @throws {Refused} with 400, or {ConfigurationError}. */
function readQuery(query: string, maxEvents = 100): Asked {
  if (!(Number.isSafeInteger(maxEvents) && maxEvents >= 1)) {
    throw new ConfigurationError('maxEvents', maxEvents, 'Pass an integer of 1 or more, or omit it.')
  }
  const parameters = new URLSearchParams(query)
  const names = requestedChannels(query)
  const requested = names && distinctNames(names)
  if (names && !requested?.length) throw new Refused({ status: 400, message: `Ask for ${nameRule}.` })
  const id = parameters.get('before') ?? ''
  const before = parsePosition(id)
  if (id !== '' && before === undefined) throw new Refused({ status: 400, message: 'before: Send the id of an event.' })
  const limit = parameters.get('limit') ?? ''
  if (limit !== '' && !/^0*[1-9]\d{0,8}$/.test(limit)) {
    throw new Refused({ status: 400, message: 'limit: Send an integer of 1 or more.' })
  }
  return { requested, before, limit: limit === '' ? maxEvents : Math.min(Number(limit), maxEvents) }
}

/** Reads a part of the history. Its facts are JSON: what there is before it. */
async function readPage(
  { runtime: { backplane } }: Streams,
  admitting: Admitting,
  { requested = [], before, limit }: Asked,
): Promise<{ readonly events: readonly KeptEvent[]; readonly facts: string }> {
  const found = await latestEvents(backplane, requested, { count: limit + 1, before }, admitting)
  const events = lastChars(found.slice(-limit))
  if (events.length < found.length) {
    return { events, facts: `"hasOlder":true,"before":"${formatPosition(events[0]!.message.position)}"` }
  }
  const trimmed = await admitting.read(() => all(requested.map((channel) => wasTrimmed(backplane, channel))))
  return { events, facts: `"hasOlder":false${trimmed.includes(true) ? ',"trimmed":true' : ''}` }
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
