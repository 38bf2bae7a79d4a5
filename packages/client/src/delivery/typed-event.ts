import { type BaseEvent, type Clock, type EventIssue, EventValidationError, type SseMessage } from '@rivulet/core'

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

/** The fields of an event beside its payload. */
export interface Stamp {
  readonly timestamp: number
  readonly source: string
  readonly channel: string | undefined
}

/**
 * Reads the fields of an event beside its payload.
 *
 * @param from Object that contains the timestamp, the source and perhaps the channel.
 */
export function readStamp(
  from: { readonly timestamp?: unknown; readonly source?: unknown; readonly channel?: unknown },
  clock: Clock,
): Stamp {
  const { timestamp, source, channel } = from
  return {
    timestamp: typeof timestamp === 'number' ? timestamp : clock.now(),
    source: typeof source === 'string' ? source : '',
    channel: typeof channel === 'string' ? channel : undefined,
  }
}

/**
 * Makes the flat event from a payload, which itself becomes the event, so the caller must own it. Overrides the payload's keys
 * with the event's. `Object.assign` and spreading take several times as long.
 */
export function toEvent(type: string, id: string | undefined, event: Payload, stamp: Stamp): BaseEvent {
  event.id = id
  event.type = type
  event.timestamp = stamp.timestamp
  event.source = stamp.source
  if (stamp.channel !== undefined) event.channel = stamp.channel
  // JSON may contain this key, and copying the event would then change the copy's prototype.
  if (Object.hasOwn(event, '__proto__')) Reflect.deleteProperty(event, '__proto__')
  return event as unknown as BaseEvent
}

function notAnObject(type: string, cause?: unknown): EventValidationError {
  const issue: EventIssue = { message: 'the data is not a JSON object', path: [] }
  return new EventValidationError(type, [issue], { cause })
}
