import { type EventContract, encodeControlEvent } from '@rivulet/core'
import { readAuthorization, shuttingDown, unavailable } from './admission.js'
import type { Awaitable } from './awaitable.js'
import type { Connection } from './connection.js'
import { isReservedChannel } from './control.js'
import { diagnose } from './diagnostics.js'
import type { WireEvent } from './frame.js'
import { type Join, planJoin } from './join.js'
import type { ErrorContext } from './report.js'
import type { Refusal, Sink } from './sink.js'
import { encodeSnapshot } from './snapshot.js'
import type { Admission, EventStreamOptions, Snapshot } from './stream-options.js'
import type { Admitting, Streams } from './streams.js'

/** A request for a stream, whatever it came by. */
export interface StreamRequest<Request> {
  /** The framework's own request: what `authorize` and `channels` get. */
  readonly raw: Request
  /** The `Last-Event-ID` header, else the `lastEventId` of the query. */
  readonly lastEventId: string | undefined
}

/** Thrown by a step of receiving a request: it is answered with this, and not with a stream. */
class Refused {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    this.refusal = refusal
  }
}

/** Answers one request with a stream: authorize → channels → limits → where it begins → open → catch up. Never rejects. */
export async function receive<Request, Context>(
  streams: Streams,
  request: StreamRequest<Request>,
  sink: Sink,
  options: EventStreamOptions<Request, Context>,
): Promise<void> {
  let admitting: Admitting | undefined
  try {
    refuseWhenFull(streams, undefined)
    const ready = streams.control.ready()
    if (ready) await run(streams, 'read', () => ready)
    admitting = streams.admit()
    const admission = await authorize(streams, request, options)
    const channels = await channelsOf(streams, request, admission.context as Context, options)
    if (sink.closed) return
    refuseWhenFull(streams, admission.key)
    await open(streams, request, sink, options, { admitting, admission, channels })
  } catch (outcome) {
    if (!(outcome instanceof Refused)) throw outcome
    const { refusal } = outcome
    streams.engine.counters.refused++
    diagnose('rivulet:connection:refuse', () => ({ status: refusal.status }))
    if (!sink.closed) refuse(streams, sink, refusal)
  } finally {
    if (admitting) streams.admitted(admitting)
  }
}

/** Refuses, with 500 where `authorize` gave a status or headers that no response can have. */
function refuse(streams: Streams, sink: Sink, refusal: Refusal): void {
  try {
    sink.refuse(refusal)
  } catch (error) {
    streams.report(error, { stage: 'authorize' })
    sink.refuse({ status: 500 })
  }
}

function refuseWhenFull({ closing, limits, engine }: Streams, key: string | undefined): void {
  const { random } = engine.clock
  const refusal = closing ? shuttingDown(random) : limits.check(key, random)
  if (refusal) throw new Refused(refusal)
}

/** Runs a step that may fail. What it throws is reported; the client learns no more than that something failed. */
async function run<T>(streams: Streams, stage: ErrorContext['stage'], step: () => Awaitable<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof Refused) throw error
    streams.report(error, { stage })
    throw new Refused(stage === 'read' ? unavailable(streams.engine.clock.random) : { status: 500 })
  }
}

async function authorize<Request, Context>(
  streams: Streams,
  { raw }: StreamRequest<Request>,
  options: EventStreamOptions<Request, Context>,
): Promise<Admission<Context>> {
  if (!options.authorize) return {}
  const answer = await run(streams, 'authorize', async () => readAuthorization(await options.authorize!(raw)))
  if ('refusal' in answer) throw new Refused(answer.refusal)
  if (Number(answer.admission.expiresAt ?? Infinity) <= streams.engine.clock.now()) throw new Refused({ status: 401 })
  return answer.admission
}

async function channelsOf<Request, Context>(
  streams: Streams,
  { raw }: StreamRequest<Request>,
  context: Context,
  { channels = ['default'] }: EventStreamOptions<Request, Context>,
): Promise<readonly string[]> {
  const names = await run(streams, 'channels', async () => {
    const given = typeof channels === 'function' ? await channels(raw, context) : channels
    if (!Array.isArray(given)) throw new TypeError(`channels has to be an array of names, not ${given}.`)
    return [...new Set(given)].sort()
  })
  if (names.length === 0 || names.some(isReservedChannel)) throw new Refused({ status: 403 })
  return names
}

async function open<Request, Context>(
  streams: Streams,
  { lastEventId }: StreamRequest<Request>,
  sink: Sink,
  options: EventStreamOptions<Request, Context>,
  {
    admitting,
    admission,
    channels,
  }: { admitting: Admitting; admission: Admission<Context>; channels: readonly string[] },
): Promise<void> {
  const context = admission.context as Context
  const filter = options.filter && ((event: WireEvent) => options.filter!(event as never, context))
  const cohort = streams.fanOut.cohort(channels)
  const connection = streams.create(sink, cohort, admission, { since: admitting.since, filter })
  let ordinal = 0
  let join: Join
  let info: string | undefined
  try {
    const { disconnects } = admitting
    if (disconnects.length > 0) {
      const gone = await run(streams, 'authorize', () => disconnects.some((matches) => matches(connection)))
      if (gone) throw new Refused({ status: 403 })
    }
    if (options.presence) {
      info = await run(streams, 'presence', async () => JSON.stringify(await options.presence!(context)))
    }
    join = await run(streams, 'read', async () => {
      await streams.fanOut.subscribed(cohort)
      // From here on live events are held back for this connection: by this ordinal, in a queue that the cohort shares.
      ordinal = cohort.queue.end
      const snapshot =
        options.snapshot &&
        ((begun: number) =>
          run(streams, 'snapshot', async () =>
            encodeSnapshot(streams, (await options.snapshot!(context)) as Snapshot<EventContract>, begun),
          ))
      return planJoin(streams, { channels, lastEventId, replay: options.replay ?? 'none', filter, snapshot })
    })
    if (streams.closing) throw new Refused(shuttingDown(streams.engine.clock.random))
    if (connection.state === 'closed') throw new Refused({ status: 403 })
  } catch (refused) {
    connection.onClose()
    throw refused
  }
  if (sink.closed) return connection.onClose()
  try {
    sink.attach(connection)
    sink.open()
    streams.start(connection, admission)
    if (info !== undefined) streams.presence.join(connection, info)
    greet(streams, connection, join)
    connection.catchUp({ ...join.start, ordinal })
  } catch (error) {
    connection.fail(error, 'write')
  }
}

function greet(streams: Streams, connection: Connection, { recovered, replayed, cursor, prologue }: Join): void {
  const { id: connectionId, channels } = connection
  const { intervalMs: heartbeatMs } = streams.heartbeat
  const open = { type: 'rivulet:open', connectionId, heartbeatMs, recovered, replayed } as const
  connection.write(encodeControlEvent(open, { id: cursor, retry: streams.options.retryMs }) + prologue)
  diagnose('rivulet:connection:open', () => ({ connectionId, channels, recovered, replayed }))
}
