import type { SseMessage } from './decode.js'
import { encodeMessage, type MessageFields } from './encode.js'

/** The first event of every stream. */
export interface OpenEvent {
  readonly type: 'rivulet:open'
  /** Identifies the connection in the server's stats, logs and `disconnect`. */
  readonly connectionId: string
  /** Idle time after which the server sends a heartbeat, in milliseconds; 0: never. */
  readonly heartbeatMs: number
  /** `true` if all events since the offered last event ID follow, `false` if not, `null` if none was offered. */
  readonly recovered: boolean | null
  /** Number of retained events sent before the first live one. */
  readonly replayed: number
  /** Address from which the client resumes by GET after a break, if it differs from the one that it requested. */
  readonly location?: string | undefined
  /** `true` if the stream is a run: a client without a last event ID gets all of it. */
  readonly run?: boolean | undefined
  /** Secret with which the client changes the channels of this connection. If absent, it cannot. */
  readonly control?: string | undefined
}

/** Marks a place in the stream where events may be missing. */
export interface GapEvent {
  readonly type: 'rivulet:gap'
  /** The channel with the gap. If absent, the gap concerns all channels of the stream. */
  readonly channel?: string
  /**
   * - `trimmed`: the server's retention no longer covers the missing events.
   * - `restarted`: the server does not know the offered last event ID, for example after a restart.
   * - `lagged`: the client read too slowly and fell behind the server's retention, or a loop resumed after more events than
   *   its buffer holds.
   * - `backplane`: the connection between the nodes was interrupted and could not be repaired.
   * - `oversized`: the client skipped an event larger than its `maxEventBytes`, or its last event ID was too long for a
   *   request, so it could not tell the server where to continue.
   */
  readonly reason: GapReason
}

export type GapReason = 'trimmed' | 'restarted' | 'lagged' | 'backplane' | 'oversized'

/** Announces that the server ends the stream on purpose. */
export interface CloseEvent {
  readonly type: 'rivulet:close'
  /** The server's reason for ending the stream. */
  readonly reason: string
  /** `true` if the client should reconnect. */
  readonly retry: boolean
}

/**
 * Announces that the channels of the stream have changed. Events after it are of the new channels: first the history of the
 * added ones, up to `rivulet:live`, between events of the others.
 */
export interface ChannelsEvent {
  readonly type: 'rivulet:channels'
  /** A channel that is also in `removed` begins anew. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** The client's number of the change. Absent if the server made the change. */
  readonly change?: number | undefined
  /** `true` if the server failed to make the change. The channels are as before. */
  readonly failed?: boolean | undefined
}

/**
 * Marks the end of the history. On the stream of a run, all events before it were published before the stream began. After
 * `rivulet:channels`, the stream has everything of the added channels up to here.
 */
export interface LiveEvent {
  readonly type: 'rivulet:live'
  /** The `change` of the `rivulet:channels` whose history ends. */
  readonly change?: number | undefined
}

/** Outcome of a run: `done` (the producer finished), `stopped` (somebody stopped it), or `failed`. */
export type EndState = 'done' | 'stopped' | 'failed'

/**
 * Announces the end of a run. It is the last event of the stream, ordered and retained like any other: it carries an `id`,
 * and the server ends the response after it.
 */
export interface EndEvent {
  readonly type: 'rivulet:end'
  readonly state: EndState
  /** The reason for a stop or a failure: the application's text, or `error`, `timeout`, `producer lost`, `shutdown`. */
  readonly reason?: string
}

/**
 * An event of the protocol itself. It carries no `id` and moves no cursor, with these exceptions: a `rivulet:open` that gives
 * a client its first cursor, a `rivulet:live` after a change of channels, and the events kept with a run: `rivulet:end`, and
 * `rivulet:gap` in place of lost events.
 */
export type ControlEvent = OpenEvent | GapEvent | ChannelsEvent | LiveEvent | EndEvent | CloseEvent

/** Recognizes the names of protocol events, including those that this version does not know. */
export function isControlEvent(event: string): boolean {
  return event.startsWith('rivulet:')
}

/** Encodes a control event. `id` and `retry` go into the same block. */
export function encodeControlEvent(
  { type, ...data }: ControlEvent,
  { id, retry }: Pick<MessageFields, 'id' | 'retry'> = {},
): string {
  return encodeMessage({ id, retry, event: type, data: JSON.stringify(data) })
}

/**
 * Reads a control event. Returns `undefined` for a malformed event, or one that this version does not know: clients ignore
 * both.
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
      return (
        typeof fields.connectionId === 'string' &&
        typeof fields.heartbeatMs === 'number' &&
        isTextOrAbsent(fields.location) &&
        isTextOrAbsent(fields.control)
      )
    case 'rivulet:channels':
      return areTexts(fields.added) && areTexts(fields.removed) && isNumberOrAbsent(fields.change)
    case 'rivulet:gap':
      return typeof fields.reason === 'string'
    case 'rivulet:live':
      return isNumberOrAbsent(fields.change)
    case 'rivulet:end':
      return endStates.has(fields.state) && isTextOrAbsent(fields.reason)
    case 'rivulet:close':
      return typeof fields.retry === 'boolean'
    default:
      return false
  }
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isNumberOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'number'
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
