import { type EventContract, encodeMessage } from '@rivulet/core'
import { formatPosition, parsePosition } from '../backplane/position.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import { createMessage } from '../delivery/message.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { Snapshot } from './stream-options.js'

/** Where a stream begins that does not go on from a cursor. */
export interface Beginning {
  /** Events up to this position, on any channel, were published before: they are in the log. */
  readonly position: number
  /** The same for the client: on its own channels it divides the events alike, and it tells nothing of other channels. */
  readonly cursor: number
}

/** A snapshot as it is sent. */
export interface EncodedSnapshot {
  readonly text: string
  /** Where the stream goes on, and where the client does if it leaves. */
  readonly start: number
  readonly cursor: number
}

/**
 * Its last event carries the position as its id: a client that leaves before has no cursor, and gets the snapshot again.
 *
 * @param begun Where the stream was when the snapshot was asked for.
 * @throws {ConfigurationError} when `events` is no array or `cursor` the id of no event, and whatever publishing its events would throw.
 */
export async function encodeSnapshot(
  runtime: DeliveryRuntime,
  { contract, source }: { contract: EventContract; source: string },
  snapshot: Snapshot<EventContract>,
  begun: Beginning,
): Promise<EncodedSnapshot> {
  const { events } = snapshot
  if (!Array.isArray(events)) {
    throw new ConfigurationError('snapshot().events', events, 'Give an array of { type, payload }.')
  }
  const given = snapshot.cursor === undefined ? undefined : await positionOf(runtime, snapshot.cursor)
  const start = given ?? begun.position
  const cursor = given ?? begun.cursor
  let text = ''
  for (const [index, { type, payload }] of events.entries()) {
    const stamp = { timestamp: runtime.clock.now(), source }
    const { data } = await createMessage(contract, type, payload, stamp)
    const id = index === events.length - 1 ? formatPosition(cursor) : undefined
    text += encodeMessage({ id, event: type, data })
  }
  return { text, start, cursor }
}

async function positionOf({ backplane }: DeliveryRuntime, cursor: unknown): Promise<number> {
  const position = typeof cursor === 'string' ? parsePosition(cursor) : undefined
  // From a position on that is yet to come, real events would be taken for known ones.
  if (position === undefined || position > (await backplane.read('default', 0, 0)).storedPosition) {
    throw new ConfigurationError('snapshot().cursor', cursor, 'Give the id of an event, as publish returned it.')
  }
  return position
}
