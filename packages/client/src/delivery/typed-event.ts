import {
  type BaseEvent,
  type EventIssue,
  EventValidationError,
  type SseMessage,
  type StandardSchemaV1,
  validatePayload,
} from '@rivulet/core'

/** Event that `mapMessage` returns. */
export interface MappedEvent {
  /** Name of the event in the contract. */
  type: string
  /** The event's own keys. */
  payload: object
  /** Time of the event, in milliseconds since the Unix epoch. @default the time of receipt */
  timestamp?: number
  /** Sender of the event. @default '' */
  source?: string
}

/** Content of the wire's JSON object, or of a mapped event. */
export type Payload = Record<string, unknown>

/**
 * Reads the data of an event on Rivulet's wire: one JSON object.
 *
 * @throws {EventValidationError} if the data is not a JSON object.
 */
export function readPayload({ event, data }: SseMessage): Payload {
  let payload: Payload
  try {
    payload = JSON.parse(data)
  } catch (cause) {
    throw notAnObject(event, cause)
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) throw notAnObject(event)
  return payload
}

/**
 * Makes the flat event from a payload, validated if there is a schema. Without one, the payload object itself becomes
 * the event, so the caller must own it.
 *
 * @param stamp Object that contains the timestamp, the source and perhaps the channel.
 * @throws {EventValidationError} (or rejects with it) if the payload does not fit.
 */
export function toEvent(
  type: string,
  id: string | undefined,
  payload: Payload,
  stamp: { readonly timestamp?: unknown; readonly source?: unknown; readonly channel?: unknown },
  schema: StandardSchemaV1 | undefined,
  now: () => number,
): BaseEvent | Promise<BaseEvent> {
  const timestamp = typeof stamp.timestamp === 'number' ? stamp.timestamp : now()
  const source = typeof stamp.source === 'string' ? stamp.source : ''
  const channel = typeof stamp.channel === 'string' ? stamp.channel : undefined
  if (!schema) return flatten(payload, type, id, timestamp, source, channel)
  // A strict schema would reject the keys that every event has.
  const { timestamp: _timestamp, source: _source, channel: _channel, ...own } = payload
  const finish = (output: unknown) =>
    flatten({ id, type, timestamp, source, ...(output as object) }, type, id, timestamp, source, channel)
  const output = validatePayload(type, schema, own)
  return output instanceof Promise ? output.then(finish) : finish(output)
}

/** Overrides the payload's keys with the event's. `Object.assign` and spreading take several times as long. */
function flatten(
  event: Payload,
  type: string,
  id: string | undefined,
  timestamp: number,
  source: string,
  channel: string | undefined,
): BaseEvent {
  event.id = id
  event.type = type
  event.timestamp = timestamp
  event.source = source
  if (channel !== undefined) event.channel = channel
  // JSON may contain this key, and copying the event would then change the copy's prototype.
  if (Object.hasOwn(event, '__proto__')) Reflect.deleteProperty(event, '__proto__')
  return event as unknown as BaseEvent
}

function notAnObject(type: string, cause?: unknown): EventValidationError {
  const issue: EventIssue = { message: 'the data is not a JSON object', path: [] }
  return new EventValidationError(type, [issue], { cause })
}
