import { type EventContract, encodeMessage } from '@rivulet/core'
import { checkName } from '../backplane/name.js'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import { createMessage } from '../delivery/message.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { Asking } from './asking.js'
import type { EventStreamOptions, Snapshot } from './stream-options.js'

/** The beginning of a stream that does not resume from a cursor. */
export interface Beginning {
  /** Events up to this position, on any channel, were published earlier and are in the log. */
  readonly position: number
  /** The position for the client. Divides the events of its own channels in the same way, and reveals nothing about other channels. */
  readonly cursor: number
  /** The cursor is true of everything that the client then has, and becomes the id of the last event. */
  readonly marked: boolean
}

/** A snapshot as it goes over the wire. */
export interface EncodedSnapshot {
  readonly text: string
  /** The position from which the stream goes on. */
  readonly start: number
  /** The position from which the client resumes. */
  readonly cursor: number
}

/** Encodes the events of a snapshot. */
export interface SnapshotEncoding {
  readonly contract: EventContract
  readonly source: string
}

/** Takes the snapshot of some channels for a stream that begins there. */
export type TakeSnapshot = (begun: Beginning, channels: readonly string[]) => Awaitable<EncodedSnapshot>

/** Prepares to ask a route for snapshots. `undefined` if it has none. */
export function snapshotsOf(
  runtime: DeliveryRuntime,
  encoding: SnapshotEncoding,
  options: Pick<EventStreamOptions, 'snapshot'>,
  { context, asking }: { context: unknown; asking: Pick<Asking, 'ask'> },
): TakeSnapshot | undefined {
  if (!options.snapshot) return undefined
  return (begun, channels) =>
    asking.ask(
      'snapshot',
      (call) => options.snapshot!(context, Object.assign(call, { channels })),
      (answer) => encodeSnapshot(runtime, encoding, answer, begun),
    )
}

/**
 * Encodes a snapshot. Only its last event has an id: a client that leaves earlier has no cursor, and gets the snapshot again.
 *
 * @param begun The beginning of the stream at the time of the call of `snapshot`.
 * @throws {ConfigurationError} if `events` is not an array or `cursor` not the id of an event, and any error of publishing its events.
 */
async function encodeSnapshot(
  runtime: DeliveryRuntime,
  { contract, source }: SnapshotEncoding,
  snapshot: Snapshot<EventContract>,
  begun: Beginning,
): Promise<EncodedSnapshot> {
  const { events } = snapshot
  if (!Array.isArray(events)) {
    throw new ConfigurationError('snapshot().events', events, 'Return an array of { type, payload }.')
  }
  const given = snapshot.cursor === undefined ? undefined : await positionOf(runtime, snapshot.cursor)
  const start = given ?? begun.position
  const cursor = given ?? begun.cursor
  let text = ''
  for (const [index, { type, payload, channel = 'default' }] of events.entries()) {
    checkName('snapshot().events[].channel', channel)
    const stamp = { timestamp: runtime.clock.now(), source, channel }
    const { data } = await createMessage(contract, type, payload, stamp)
    const id = begun.marked && index === events.length - 1 ? formatPosition(cursor) : undefined
    text += encodeMessage({ id, event: type, data })
  }
  return { text, start, cursor }
}

async function positionOf({ backplane }: DeliveryRuntime, cursor: unknown): Promise<number> {
  const position = typeof cursor === 'string' ? parsePosition(cursor) : undefined
  // With a position in the future, new events up to it would count as known.
  if (position === undefined || position > (await backplane.read('default', 0, 0)).storedPosition) {
    throw new ConfigurationError('snapshot().cursor', cursor, 'Return the id of an event, as publish returned it.')
  }
  return position
}
