import type { SseMessage } from './decode.js'
import { encodeMessage, type MessageFields } from './encode.js'

/** The first event of every stream. */
export interface OpenEvent {
  readonly type: 'rivulet:open'
  /** Names this connection in the server's stats, logs and `disconnect`. */
  readonly connectionId: string
  /** After how many idle milliseconds the server sends a heartbeat; 0: never. */
  readonly heartbeatMs: number
  /** Whether everything since the offered last event ID follows; `null` where none was offered. */
  readonly recovered: boolean | null
  /** How many kept events are sent before the first live one. */
  readonly replayed: number
}

/** From here on, events may be missing that the server could not give. */
export interface GapEvent {
  readonly type: 'rivulet:gap'
  /** The channel it concerns; all of the stream's channels where it is absent. */
  readonly channel?: string
  /**
   * - `trimmed`: the missing events are older than what the server keeps.
   * - `restarted`: the server has no memory of the time of the offered last event ID.
   * - `lagged`: this client read more slowly than the server keeps events, or a loop began again after more events than
   *   its buffer holds.
   * - `backplane`: the connection between the servers was interrupted and could not be repaired.
   * - `oversized`: the client itself left one event out, which is larger than its `maxEventBytes`; or it could not say where
   *   to continue, as the ID of its last event is longer than what a request can carry.
   */
  readonly reason: GapReason
}

export type GapReason = 'trimmed' | 'restarted' | 'lagged' | 'backplane' | 'oversized'

/** The server ends the stream on purpose. */
export interface CloseEvent {
  readonly type: 'rivulet:close'
  /** Why, in the server's words. */
  readonly reason: string
  /** Whether the client should come back. */
  readonly retry: boolean
}

/** Marks the end of the history: every event of the stream before it had been published when the stream began. */
export interface LiveEvent {
  readonly type: 'rivulet:live'
}

/** How a run ended: `done` (its producer is through), `stopped` (somebody stopped it), or `failed`. */
export type EndState = 'done' | 'stopped' | 'failed'

/**
 * A run is over. This is the last event of its stream, ordered and kept like any other: it carries an `id`, and the server
 * ends the response after it.
 */
export interface EndEvent {
  readonly type: 'rivulet:end'
  readonly state: EndState
  /** Why it was stopped or failed, in the application's words or one of the SDK's: `error`, `timeout`, `producer lost`, `shutdown`. */
  readonly reason?: string
}

/**
 * An event of the protocol itself. It carries no `id` and so moves no cursor, but for two: a `rivulet:open` that gives a
 * client without a cursor its first one, and `rivulet:end`.
 */
export type ControlEvent = OpenEvent | GapEvent | LiveEvent | EndEvent | CloseEvent

/** Whether an event of this name belongs to the protocol, known to this version or not. */
export function isControlEvent(event: string): boolean {
  return event.startsWith('rivulet:')
}

/** Encodes a control event; the other fields go into the same block. */
export function encodeControlEvent(
  { type, ...data }: ControlEvent,
  fields: Pick<MessageFields, 'id' | 'retry'> = {},
): string {
  return encodeMessage({ ...fields, event: type, data: JSON.stringify(data) })
}

/**
 * Reads a control event. Returns `undefined` for one that this version does not know or that is malformed: a client
 * goes on without it.
 */
export function parseControlEvent({ event, data }: SseMessage): ControlEvent | undefined {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(data)
  } catch {
    return undefined
  }
  if (typeof fields !== 'object' || fields === null) return undefined
  return hasFields(event, fields) ? ({ ...fields, type: event } as ControlEvent) : undefined
}

const endStates: ReadonlySet<unknown> = new Set<EndState>(['done', 'stopped', 'failed'])

function hasFields(event: string, fields: Record<string, unknown>): boolean {
  switch (event) {
    case 'rivulet:open':
      return typeof fields.connectionId === 'string' && typeof fields.heartbeatMs === 'number'
    case 'rivulet:gap':
      return typeof fields.reason === 'string'
    case 'rivulet:live':
      return true
    case 'rivulet:end':
      return endStates.has(fields.state) && (fields.reason === undefined || typeof fields.reason === 'string')
    case 'rivulet:close':
      return typeof fields.retry === 'boolean'
    default:
      return false
  }
}
