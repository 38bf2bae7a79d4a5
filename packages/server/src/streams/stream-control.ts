import type { GrantedChange } from '../nodes/change-relay.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { InvalidChangeError } from '../runtime/errors.js'
import { answer, nobody, type PlainAnswer, refuse } from '../sinks/plain-answer.js'
import { Refused } from './admission.js'
import type { Admitting, PlainSink } from './admitting.js'
import { clientGone } from './asking.js'
import { withChannels } from './candidate.js'
import { maxChangeBytes, readChange } from './requested.js'
import { askAdmission, askChannels } from './route-answers.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Answers requests to change the channels of open streams: limits, `authorize`, `channels`. The stream itself tells the result.

/** A request to change the channels of a stream, from any HTTP server. */
export interface StreamControlRequest<Request> {
  /** The framework's own request, passed to `authorize` and `channels`. */
  readonly raw: Request
  /**
   * Its body: the text or the bytes, or what a JSON parser made of them. Better a function that reads it, with `CallbackOptions`:
   * it is called once the request is let in, and its signal aborts when nobody waits for the body any more.
   */
  readonly body: unknown
  /**
   * The response, such as a `NodeSink`. It is only listened to: the work ends if the client leaves. A response that waits behind
   * an unfinished one on the same connection is refused. @default undefined Nobody notices that the client leaves
   */
  readonly sink?: PlainSink | undefined
}

/** The answer to a request to change a stream, for any HTTP implementation. */
export interface StreamControlAnswer extends PlainAnswer {
  /**
   * 202 once the change is on its way to the stream, 400 for a malformed body, 404 if the server knows of no such stream, 408
   * for a body that does not come, 413 for one that is too large, or the status of a refusal.
   */
  readonly status: number
}

/** Answers a request to change a stream. Never rejects. */
export async function answerControl<Request, Context>(
  streams: Streams,
  { raw, body, sink }: StreamControlRequest<Request>,
  options: EventStreamOptions<Request, Context>,
): Promise<StreamControlAnswer> {
  let admitting: Admitting | undefined
  try {
    admitting = streams.admitChange(sink)
    admitting.watch(sink)
    const later = admitting.turn()
    if (later) await later
    const listening = streams.control.ready()
    if (listening) await admitting.read(() => listening)
    const admittedPosition = streams.control.position
    admitting.admittedPosition = admittedPosition
    const admission = await askAdmission(admitting, raw, options)
    const { key, expiresAt } = admission
    if (expiresAt <= streams.runtime.clock.now()) throw new Refused({ status: 401 })
    admitting.slot.claim(key)
    // Not earlier: nobody but users may make the server keep anything.
    const { requested, ...asked } = readChange(await bodyOf(admitting, body))
    const channels = await askChannels(admitting, { raw, requested }, admission, options)
    await handOver(streams, admitting, { ...asked, key, channels, admittedPosition })
    return answer(202, '', '')
  } catch (outcome) {
    if (outcome === clientGone) return nobody
    if (outcome instanceof InvalidChangeError) return refuse({ status: 400, message: outcome.message })
    if (!Refused.is(outcome)) streams.runtime.report(outcome, { stage: 'channels' })
    return refuse(Refused.is(outcome) ? outcome.refusal : { status: 500 })
  } finally {
    if (admitting) streams.answered(admitting)
  }
}

/** Reads the body. @throws {Refused} with 408 or 413, or `clientGone`. */
async function bodyOf(admitting: Admitting, body: unknown): Promise<unknown> {
  const given = typeof body === 'function' ? await admitting.receive((call) => body(call) as Awaitable<unknown>) : body
  if ((typeof given === 'string' || given instanceof Uint8Array) && given.length > maxChangeBytes) {
    throw new Refused({ status: 413, message: `Send at most ${maxChangeBytes} bytes.` })
  }
  return given
}

async function handOver(streams: Streams, admitting: Admitting, change: GrantedChange): Promise<void> {
  const { changes, connections, relay } = streams
  const { connectionId, channels } = change
  admitting.check()
  const connection = connections.get(connectionId)
  if (!connection) {
    if (!relay || changes.has(connectionId)) throw new Refused({ status: 404 })
    await admitting.read(() => relay.pass(change))
    return
  }
  const prospect = withChannels(connection, channels)
  const matched = admitting.attempt('disconnect', () => admitting.disconnects.some((matches) => matches(prospect)))
  if (matched) throw new Refused({ status: 403 })
  changes.change(change)
}
