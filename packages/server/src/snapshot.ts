import { type EventContract, encodeMessage } from '@rivulet/core'
import { ConfigurationError } from './errors.js'
import { createMessage } from './message.js'
import { parsePosition } from './sequence.js'
import type { Snapshot } from './stream-options.js'
import type { Streams } from './streams.js'

/** A snapshot as it is sent. */
export interface EncodedSnapshot {
  readonly text: string
  /** Where the stream goes on; `undefined`: where it was when the snapshot was asked for. */
  readonly position: number | undefined
}

/** @throws {ConfigurationError} when `asOf` is the id of no event, and whatever publishing its events would throw. */
export async function encodeSnapshot(
  { engine, options }: Streams,
  { events, asOf }: Snapshot<EventContract>,
): Promise<EncodedSnapshot> {
  const position = asOf === undefined ? undefined : parsePosition(asOf)
  if (asOf !== undefined) {
    const now = await engine.backplane.read('default', 0, 0)
    // From a position on that is yet to come, real events would be taken for known ones.
    if (position === undefined || position > now.asOf) {
      throw new ConfigurationError('snapshot().asOf', asOf, 'Give the id of an event, as publish returned it.')
    }
  }
  let text = ''
  for (const { type, payload } of events) {
    const stamp = { timestamp: engine.clock.now(), source: options.source }
    const { data } = await createMessage(options.contract, type, payload, stamp)
    text += encodeMessage({ event: type, data })
  }
  return { text, position }
}
