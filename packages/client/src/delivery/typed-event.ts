import {
  type BaseEvent,
  type EventIssue,
  EventValidationError,
  type SseMessage,
  type StandardSchemaV1,
  validatePayload,
} from '@rivulet/core'

/** An event as a mapping of one's own gives it. */
export interface MappedEvent {
  /** The event's name in the contract. */
  type: string
  /** The event's own keys. */
  payload: object
  /** When it happened, in milliseconds since the Unix epoch. @default the time of receipt */
  timestamp?: number
  /** Who sent it. @default '' */
  source?: string
}

/** What the wire's JSON object holds, or a mapping of one's own gives. */
export type Payload = Record<string, unknown>

/**
 * Reads the data of an event of Rivulet's wire: one JSON object.
 *
 * @throws {EventValidationError} when it is none.
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
 * Makes the flat event of what was read, by way of the schema if there is one. Without one the payload itself becomes the
 * event, so it has to be the caller's to give.
 *
 * @param stamp Where the time and the source stand.
 * @throws {EventValidationError} (or rejects with it) when the payload does not fit.
 */
export function toEvent(
  type: string,
  id: string | undefined,
  payload: Payload,
  stamp: { readonly timestamp?: unknown; readonly source?: unknown },
  schema: StandardSchemaV1 | undefined,
  now: () => number,
): BaseEvent | Promise<BaseEvent> {
  const timestamp = typeof stamp.timestamp === 'number' ? stamp.timestamp : now()
  const source = typeof stamp.source === 'string' ? stamp.source : ''
  if (!schema) return flatten(payload, type, id, timestamp, source)
  // A strict schema knows nothing of what every event carries itself.
  const { timestamp: _timestamp, source: _source, ...own } = payload
  const finish = (output: unknown) =>
    flatten({ id, type, timestamp, source, ...(output as object) }, type, id, timestamp, source)
  const output = validatePayload(type, schema, own)
  return output instanceof Promise ? output.then(finish) : finish(output)
}

/** The event's own keys win over the payload's. One by one: `Object.assign` and spreading take several times as long. */
function flatten(event: Payload, type: string, id: string | undefined, timestamp: number, source: string): BaseEvent {
  event.id = id
  event.type = type
  event.timestamp = timestamp
  event.source = source
  // JSON may hold it as a key of its own, and whoever copies the event would change the copy's prototype.
  if (Object.hasOwn(event, '__proto__')) Reflect.deleteProperty(event, '__proto__')
  return event as unknown as BaseEvent
}

function notAnObject(type: string, cause?: unknown): EventValidationError {
  const issue: EventIssue = { message: 'the data is not a JSON object', path: [] }
  return new EventValidationError(type, [issue], { cause })
}
