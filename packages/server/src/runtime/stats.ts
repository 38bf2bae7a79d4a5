import type { ServerGapReason } from './gap-reason.js'

/** What a backplane holds in the memory of this process, and what it had to drop. */
export interface BackplaneStats {
  /** About how many bytes everything takes. */
  readonly bytes: number
  readonly channels: number
  readonly events: number
  readonly idempotencyKeys: number
  /** Events that were dropped before their time, as everything together took too much, since the backplane was made. */
  readonly evictedEvents: number
  /** Idempotency keys that were forgotten before their time, since the backplane was made. */
  readonly evictedKeys: number
}

/** Counters of one manager since it was made, and gauges of now. */
export interface ManagerStats {
  /** Streams that are open now. */
  readonly connections: number
  /** Those of them that are given the log at their own pace, because they read more slowly than events come. */
  readonly lagging: number
  /** Sets of channels that some connection has. */
  readonly cohorts: number
  /** Requests that wait for `authorize`, another function of their route or the backplane, and have no stream yet. */
  readonly pendingAdmissions: number
  /** Live events that wait to be written: published, and not yet given to all connections that read fast enough. */
  readonly waitingFrames: number
  /** For how long the oldest of them has waited, in milliseconds; 0 where none waits. */
  readonly oldestFrameMs: number
  /** How long writing to connections has taken, in milliseconds altogether. */
  readonly flushMs: number
  /** How long it kept one turn of the event loop, at the longest. */
  readonly longestFlushMs: number
  /** Streams that were opened. */
  readonly opened: number
  /** Streams that ended, whoever ended them. */
  readonly closed: number
  /** Requests that got no stream: unauthorized, over a limit, during shutdown. */
  readonly refused: number
  /** Events that `publish` or `emit` published through this manager. */
  readonly published: number
  /** Events written, counted once per connection. */
  readonly deliveries: number
  /** Bytes of event stream written to all connections, without HTTP's own framing. */
  readonly bytes: number
  /** Events that streams were given out of the log, when they began or lagged. */
  readonly replayed: number
  /** Gaps that were announced, counted once per connection. */
  readonly gaps: number
  /** The same by reason: what the backplane or a node missed, and what was not kept long enough for a connection. */
  readonly gapsByReason: Readonly<Record<ServerGapReason, number>>
  /** How often a connection began to lag. */
  readonly lags: number
  /** Connections that were closed because they took no bytes for too long. */
  readonly stalled: number
  readonly heartbeats: number
  /** Errors that `onError` got. */
  readonly errors: number
  /** What the backplane holds in this process, and had to drop; `undefined` where it holds the events elsewhere. */
  readonly backplane: BackplaneStats | undefined
}

type Gauge =
  | 'connections'
  | 'lagging'
  | 'cohorts'
  | 'pendingAdmissions'
  | 'waitingFrames'
  | 'oldestFrameMs'
  | 'gaps'
  | 'gapsByReason'
  | 'backplane'

export type Counters = { -readonly [Name in keyof Omit<ManagerStats, Gauge>]: number } & {
  readonly gaps: Record<ServerGapReason, number>
}

export function createCounters(): Counters {
  return {
    flushMs: 0,
    longestFlushMs: 0,
    opened: 0,
    closed: 0,
    refused: 0,
    published: 0,
    deliveries: 0,
    bytes: 0,
    replayed: 0,
    gaps: { trimmed: 0, restarted: 0, lagged: 0, backplane: 0 },
    lags: 0,
    stalled: 0,
    heartbeats: 0,
    errors: 0,
  }
}
