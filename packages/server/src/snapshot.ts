import { type EventContract, encodeMessage } from '@rivulet/core'
import { ConfigurationError } from './errors.js'
import { createMessage } from './message.js'
import { formatPosition, parsePosition } from './sequence.js'
import type { Snapshot } from './stream-options.js'
import type { Streams } from './streams.js'

/** A snapshot as it is sent. */
export interface EncodedSnapshot {
  readonly text: string
  /** Where the stream goes on. */
  readonly position: number
}

/**
 * Its last event carries the position as its id: a client that leaves before has no cursor, and gets the snapshot again.
 *
 * @param begun Where the stream was when the snapshot was asked for.
 * @throws {ConfigurationError} when `events` is no array or `asOf` the id of no event, and whatever publishing its events would throw.
 */
export async function encodeSnapshot(
  { engine, options }: Streams,
  snapshot: Snapshot<EventContract>,
  begun: number,
): Promise<EncodedSnapshot> {
  const { events, asOf } = snapshot
  if (!Array.isArray(events)) {
    throw new ConfigurationError('snapshot().events', events, 'Give an array of { type, payload }.')
  }
  const position = asOf === undefined ? begun : typeof asOf === 'string' ? parsePosition(asOf) : undefined
  const now = asOf === undefined ? begun : (await engine.backplane.read('default', 0, 0)).asOf
  // From a position on that is yet to come, real events would be taken for known ones.
  if (position === undefined || position > now) {
    throw new ConfigurationError('snapshot().asOf', asOf, 'Give the id of an event, as publish returned it.')
  }
  let text = ''
  for (const [index, { type, payload }] of events.entries()) {
    const stamp = { timestamp: engine.clock.now(), source: options.source }
    const { data } = await createMessage(options.contract, type, payload, stamp)
    const id = index === events.length - 1 ? formatPosition(position) : undefined
    text += encodeMessage({ id, event: type, data })
  }
  return { text, position }
}
