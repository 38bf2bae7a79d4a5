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

/**
 * Reads an event of Rivulet's wire: name in `event`, one JSON object in `data`.
 *
 * @throws {EventValidationError} when the data is no JSON object.
 */
export function readMessage({ event, data }: SseMessage): MappedEvent {
  let payload: Record<string, unknown>
  try {
    payload = JSON.parse(data)
  } catch (cause) {
    throw notAnObject(event, cause)
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) throw notAnObject(event)
  return { type: event, payload, timestamp: payload.timestamp as number, source: payload.source as string }
}

/**
 * Makes the flat event of what was read, by way of the schema if there is one. Without one the payload itself becomes the
 * event, so it has to be the caller's to give.
 *
 * @throws {EventValidationError} (or rejects with it) when the payload does not fit.
 */
export function toEvent(
  { type, payload, timestamp, source }: MappedEvent,
  id: string | undefined,
  schema: StandardSchemaV1 | undefined,
  now: () => number,
): BaseEvent | Promise<BaseEvent> {
  const base: BaseEvent = {
    id,
    type,
    timestamp: typeof timestamp === 'number' ? timestamp : now(),
    source: typeof source === 'string' ? source : '',
  }
  if (!schema) return Object.assign(payload, base)
  // A strict schema knows nothing of what every event carries itself.
  const { timestamp: _timestamp, source: _source, ...own } = payload as Record<string, unknown>
  const output = validatePayload(type, schema, own)
  return output instanceof Promise
    ? output.then((settled) => flatten(base, settled as object))
    : flatten(base, output as object)
}

/** The event's own keys win over the payload's. Spreading what `JSON.parse` made would take several times as long as this. */
function flatten(base: BaseEvent, payload: object): BaseEvent {
  const { id, type, timestamp, source } = base
  return Object.assign(base, payload, { id, type, timestamp, source })
}

function notAnObject(type: string, cause?: unknown): EventValidationError {
  const issue: EventIssue = { message: 'the data is not a JSON object', path: [] }
  return new EventValidationError(type, [issue], { cause })
}
