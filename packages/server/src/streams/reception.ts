import type { Connection } from '../delivery/connection.js'
import type { Frame, WireEvent } from '../delivery/frame.js'
import { lingerMs } from '../delivery/outlet.js'
import { diagnose } from '../runtime/diagnostics.js'
import { decide, tell } from '../runtime/guard.js'
import type { Refusal, Sink } from '../sinks/sink.js'
import { acceptsDeflate } from './accepts-deflate.js'
import { asStream, Refused } from './admission.js'
import type { Admitting } from './admitting.js'
import { type ReadAdmission, readPresence } from './answers.js'
import { clientGone } from './asking.js'
import { type Join, type JoinRequest, planJoin } from './join.js'
import { distinctNames, nameRule } from './requested.js'
import { askAdmission, askChannels } from './route-answers.js'
import { snapshotsOf } from './snapshot.js'
import type { EventStreamOptions } from './stream-options.js'
import type { Streams } from './streams.js'

// Admits or refuses a request for a stream: limits, `authorize`, `channels`.

/** A request for a stream, from any HTTP server. */
export interface StreamRequest<Request> {
  /** The framework's own request, passed to `authorize` and `channels`. */
  readonly raw: Request
  /** The `Last-Event-ID` header, or else the query parameter `lastEventId`. */
  readonly lastEventId: string | undefined
  /** The query parameters `channel` without empty ones; `undefined` if there are none. */
  readonly requested?: readonly string[] | undefined
  /** The `Accept-Encoding` header. */
  readonly acceptEncoding?: string | undefined
}

/** A source of streams other than the channels of a route. */
export interface StreamSource {
  /** Decides on the request. @throws {Refused}, or what ends the request otherwise. */
  authorize(admitting: Admitting): Promise<ReadAdmission>
  /** Its channel. Asked for after `authorize`. @throws {Refused} */
  channel(): string
  join(request: JoinRequest): Promise<Join>
  /** Called when the connection went live, and when events may be missing. */
  onUncertain(connection: Connection): void
}

/**
 * Answers one request with a stream: limits → authorize → channels → join → open → catch up. Never rejects.
 *
 * Awaits only promises: a stream whose functions and backplane are synchronous opens in one go.
 */
export async function receive<Request, Context>(
  streams: Streams,
  request: StreamRequest<Request>,
  sink: Sink,
  options: EventStreamOptions<Request, Context>,
  source?: StreamSource,
): Promise<void> {
  let admitting: Admitting | undefined
  try {
    admitting = streams.admit(sink)
    sink.attach(admitting)
    if (sink.closed) return
    const requested = request.requested && distinctNames(request.requested)
    if (request.requested && !requested) throw new Refused({ status: 400, message: `Ask for ${nameRule}.` })
    const later = admitting.turn()
    if (later) await later
    for (;;) {
      const listening = streams.listening(options.changeable === true)
      if (!listening) break
      await admitting.read(() => listening)
    }
    admitting.admittedPosition = streams.control.position
    const authorized = source ? source.authorize(admitting) : askAdmission(admitting, request.raw, options)
    const admission = authorized instanceof Promise ? await authorized : authorized
    if (admission.expiresAt <= streams.runtime.clock.now()) throw new Refused({ status: 401 })
    admitting.slot.claim(admission.key)
    const named = source
      ? [source.channel()]
      : askChannels(admitting, { raw: request.raw, requested }, admission, options)
    const channels = named instanceof Promise ? await named : named
    await open(streams, request, sink, options, { admitting, admission, channels, source })
  } catch (outcome) {
    answerWithout(streams, sink, outcome, options)
  } finally {
    if (admitting) streams.answered(admitting)
  }
}

/** Answers a request that gets no stream. */
function answerWithout(
  streams: Streams,
  sink: Sink,
  outcome: unknown,
  { refuseBusyWith }: Pick<EventStreamOptions, 'refuseBusyWith'>,
): void {
  if (outcome === clientGone) return
  if (!Refused.is(outcome)) streams.runtime.report(outcome, { stage: 'write' })
  const refusal = Refused.is(outcome) ? outcome.refusal : { status: 500 }
  streams.runtime.counters.refused++
  diagnose(streams.runtime, 'rivulet:connection:refuse', () => ({ status: refusal.status }))
  try {
    const answer = refuseBusyWith === 'stream' ? asStream(refusal, streams.options.retryMs) : refusal
    if (!sink.closed) refuse(streams, sink, answer)
  } catch (error) {
    streams.runtime.report(error, { stage: 'write' })
    destroy(streams, sink)
  }
}

/** Sends a refusal; 500 if its status or headers are not valid in HTTP. */
function refuse(streams: Streams, sink: Sink, refusal: Refusal): void {
  const { clock, closing } = streams.runtime
  const leave = closing || sink.queued
  try {
    sink.refuse(refusal, leave)
  } catch (error) {
    streams.runtime.report(error, { stage: 'authorize' })
    sink.refuse({ status: 500 }, leave)
  }
  // A client that does not read its refusal must not hold up a shutdown.
  if (closing) clock.setTimeout(() => destroy(streams, sink), lingerMs)
}

function destroy(streams: Streams, sink: Sink): void {
  tell(
    () => sink.destroy(streams.runtime.closing),
    (error) => streams.runtime.report(error, { stage: 'write' }),
  )
}

async function open<Request, Context>(
  streams: Streams,
  { lastEventId, acceptEncoding }: StreamRequest<Request>,
  sink: Sink,
  options: EventStreamOptions<Request, Context>,
  {
    admitting,
    admission,
    channels,
    source,
  }: {
    admitting: Admitting
    admission: ReadAdmission
    channels: readonly string[]
    source: StreamSource | undefined
  },
): Promise<void> {
  const context = admission.context as Context
  const filter =
    options.filter && ((event: WireEvent) => decide('filter()', () => options.filter!(event as never, context)))
  const onUncertain = source?.onUncertain
  // Compressing for one connection alone would cost more than it saves.
  const negotiates = Boolean(options.compression) && !filter
  const compresses = negotiates && !sink.encoded && acceptsDeflate(acceptEncoding)
  const compression = compresses ? options.compression : undefined
  const route = source ? undefined : (options as EventStreamOptions)
  const connection = admitting.attempt('read', () =>
    streams.create(sink, channels, admission, { admitting, filter, compression, route, onUncertain }),
  )
  let presence: string | undefined
  try {
    const { disconnects } = admitting
    if (disconnects.length > 0) {
      const matched = admitting.attempt('disconnect', () => disconnects.some((matches) => matches(connection)))
      if (matched) throw new Refused({ status: 403 })
    }
    admitting.carryOutMoves(connection)
    if (options.presence) {
      presence = await admitting.ask('presence', (call) => options.presence!(context, call), readPresence)
    }
    for (;;) {
      const subscribing = admitting.attempt('read', () => streams.subscribing(connection))
      if (!subscribing) break
      await admitting.read(() => subscribing)
    }
    // Live events are held back from this ordinal on, in the queue that the cohort shares.
    const ordinal = connection.cohort.queue.end
    const snapshot = snapshotsOf(streams.runtime, streams.options, options as EventStreamOptions, {
      context,
      asking: admitting,
    })
    const sees = filter && ((frame: Frame) => connection.sees(frame))
    const asked = { channels, lastEventId, replay: options.replay ?? 'none', sees, snapshot, admitting }
    const { cohort } = connection
    const { round } = streams.joins
    const shares = !source && !sees && !snapshot
    let join = shares ? streams.joins.find(cohort, asked) : undefined
    if (!join) {
      const planned = admitting.run('read', () => (source ? source.join(asked) : planJoin(streams.runtime, asked)))
      join = planned instanceof Promise ? await planned : planned
      if (shares) streams.joins.remember(cohort, asked, { ordinal, round }, join)
    }
    streams.open(connection, { admitting, admission, presence, join, ordinal, negotiates })
  } catch (refused) {
    connection.onClose()
    throw refused
  }
}
