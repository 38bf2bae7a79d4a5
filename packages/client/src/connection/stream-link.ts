import type { EndEvent, GapEvent, SseMessage } from '@rivulet/core'
import type { ChannelProgress } from './channel-progress.js'
import type { ConnectionStatus } from './connection-machine.js'

/** The state of a connection. */
export interface ConnectionSnapshot {
  readonly status: ConnectionStatus
  /** The number of the current or next retry in a row; 0 for the first attempt and on a stable connection. */
  readonly attempt: number
  /** The time of the next attempt, by the stream's clock; `undefined` when none is scheduled. */
  readonly retryAt: number | undefined
  /** The error of the last attempt or connection; `undefined` once an attempt has succeeded. */
  readonly error: unknown
  /**
   * `true` if the server continued where the last connection ended, `false` if it could not, `null` if there was nothing to
   * continue. `undefined` until the server reports it, and on foreign streams.
   */
  readonly recovered: boolean | null | undefined
  /** The last gap since `connect()`. */
  readonly gap: GapEvent | undefined
  /** The end of the run, if the stream was a run and is over. */
  readonly ended: EndEvent | undefined
  /** The address of the run that the request has started. The stream continues there, and the run can be stopped there. */
  readonly location: string | undefined
}

export const idleSnapshot: ConnectionSnapshot = {
  status: 'idle',
  attempt: 0,
  retryAt: undefined,
  error: undefined,
  recovered: undefined,
  gap: undefined,
  ended: undefined,
  location: undefined,
}

/** A connection as the service sees it: its own, or a shared one. */
export interface StreamLink {
  /** The last received ID. A reconnection continues there. */
  lastEventId: string
  readonly snapshot: ConnectionSnapshot
  /** The time of the last byte; `undefined` before the first one. */
  readonly lastActivityAt: number | undefined
  /** The progress of what was received. Shared connections, whose channels do not change, have none. */
  readonly progress?: ChannelProgress
  /** Sets the names of the channels. Settles when they are in effect, or as soon as nothing is connected. */
  setChannels?(names: readonly string[]): Promise<void>
  send(input: { readonly type: 'connect' | 'close' | 'reconnect' | 'ended' }): void
}

/** The channel and ID of an event whose channel was added, and whose history is not complete. It moves no cursor. */
export interface BesideCursor {
  readonly channel: string
  readonly id: string
}

/** An event of the application, with what its connection knows of it. */
export interface Received {
  readonly message: SseMessage
  /** The event's own ID. */
  readonly id: string | undefined
  /** IDs are positions, which only increase. */
  readonly positioned: boolean
  /** The event is of the history, which ends with `live`. */
  readonly replayed: boolean
  /** Set if the event moves no cursor. Then `id` is `undefined`. */
  readonly beside: BesideCursor | undefined
}

/** Receives the output of a connection, in order. Its methods MUST NOT throw. */
export interface ConnectionSink {
  message(received: Received): void
  /** Takes a step of the channels' progress, which counts once everything before it is delivered. */
  advance(step: (progress: ChannelProgress) => void): void
  /** Signals the end of the history: the next events are published after the connection began. */
  live(): void
  /** Takes a last event ID that changed without an event. */
  cursor(id: string): void
  /** Takes a gap, with the last event ID behind it if that is new. */
  gap(gap: GapEvent, id?: string): void
  /** Takes the error of an attempt or a connection. */
  error(error: unknown): void
  /** Signals that the snapshot has changed. */
  changed(): void
  /** Returns a promise if reading must wait until it settles. */
  ready(): Promise<void> | undefined
}
