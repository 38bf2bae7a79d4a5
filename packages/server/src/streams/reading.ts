import { answer, nobody, type PlainAnswer, refuse } from '../sinks/plain-answer.js'
import { Refused } from './admission.js'
import type { Admitting, PlainSink } from './admitting.js'
import { clientGone } from './asking.js'
import { distinctNames, nameRule, requestedChannels } from './requested.js'
import { askAdmission, askChannels } from './route-answers.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Answers requests that read something of a stream's channels, beside the stream: limits, `authorize`, `channels`.

/** A request that reads, from any HTTP server. */
export interface ReadingRequest<Request> {
  /** The framework's own request, passed to `authorize` and `channels`. */
  readonly raw: Request
  /** The query of its address, without `?`. */
  readonly query: string
  /**
   * The response, such as a `NodeSink`. It is only listened to: the work ends if the client leaves, and the request counts within
   * the limits until the client has its answer. A response that waits behind an unfinished one on the same connection is
   * refused. @default undefined Nobody notices that the client leaves
   */
  readonly sink?: PlainSink | undefined
}

/** The part of a request that the route lets through. */
export interface Reading {
  readonly admitting: Admitting
  /** The channels that the client asks for, or else all that the route gives. */
  readonly channels: readonly string[]
  readonly context: unknown
}

/** Answers with the JSON that `read` returns. Never rejects. @param read May throw `Refused`. */
export async function answerReading<Request, Context>(
  streams: Streams,
  { raw, query, sink }: ReadingRequest<Request>,
  options: Pick<EventStreamOptions<Request, Context>, 'authorize' | 'channels'>,
  read: (reading: Reading) => Promise<string>,
): Promise<PlainAnswer> {
  let admitting: Admitting | undefined
  let unsent = false
  try {
    const names = requestedChannels(query)
    const requested = names && distinctNames(names)
    if (names && !requested?.length) throw new Refused({ status: 400, message: `Ask for ${nameRule}.` })
    admitting = streams.admitReading(sink)
    admitting.watch(sink)
    const later = admitting.turn()
    if (later) await later
    const admission = await askAdmission(admitting, raw, options)
    if (admission.expiresAt <= streams.runtime.clock.now()) throw new Refused({ status: 401 })
    admitting.slot.claim(admission.key)
    const given = await askChannels(admitting, { raw, requested }, admission, options)
    if (requested?.some((name) => !given.includes(name))) throw new Refused({ status: 403 })
    const body = await read({ admitting, channels: requested ?? given, context: admission.context })
    admitting.check()
    unsent = sink !== undefined && !sink.closed
    return answer(200, 'application/json', body)
  } catch (outcome) {
    if (outcome === clientGone) return nobody
    if (!Refused.is(outcome)) streams.runtime.report(outcome, { stage: 'read' })
    return refuse(Refused.is(outcome) ? outcome.refusal : { status: 500 })
  } finally {
    if (admitting) streams.answered(admitting, unsent)
  }
}
