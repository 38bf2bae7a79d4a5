import {
  checkPayloadKeys,
  type EventContract,
  type EventDefinition,
  EventValidationError,
  UnknownEventError,
  validatePayload,
} from '@rivulet/core'
import type { BackplaneMessage } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { ConfigurationError, EventSerializationError } from '../runtime/errors.js'
import { encodeData, type Stamp } from './frame.js'

/**
 * Validates a payload and encodes the event.
 *
 * @throws {UnknownEventError} | {ReservedKeyError} | {EventValidationError} | {EventSerializationError} |
 *   {ConfigurationError}, or rejects with it.
 */
export function createMessage(
  contract: EventContract,
  event: string | EventDefinition,
  payload: unknown,
  stamp: Stamp,
): Awaitable<BackplaneMessage> {
  const type = nameOf(event)
  if (type === undefined) {
    throw new ConfigurationError('event', event, 'Pass the name of an event of the contract, or its definition.')
  }
  if (!Object.hasOwn(contract, type)) throw new UnknownEventError(type, Object.keys(contract))
  const valid = validatePayload(type, contract[type]!.schema, payload)
  return valid instanceof Promise ? valid.then(() => encode(type, payload, stamp)) : encode(type, payload, stamp)
}

/** The name of an event, passed as a name or a definition. `undefined` if the value is neither. */
export function nameOf(event: unknown): string | undefined {
  try {
    const type = typeof event === 'string' ? event : (event as EventDefinition).type
    return typeof type === 'string' ? type : undefined
  } catch {
    return undefined
  }
}

// Sends the schema's input, not its output: the receiver applies the schema's transforms.
function encode(type: string, payload: unknown, stamp: Stamp): BackplaneMessage {
  if (typeof payload !== 'object' || payload === null) {
    throw new EventValidationError(type, [{ message: 'must be an object', path: [] }])
  }
  checkPayloadKeys(type, payload)
  return { type, data: encodeData(toJson(type, payload), stamp) }
}

function toJson(type: string, payload: object): string {
  let json: string | undefined
  try {
    json = JSON.stringify(payload)
  } catch (cause) {
    throw new EventSerializationError(type, `${cause instanceof Error ? cause.message : cause}.`, { cause })
  }
  if (json?.[0] !== '{') throw new EventSerializationError(type, `it becomes ${json?.slice(0, 40)}, not an object.`)
  return json
}
