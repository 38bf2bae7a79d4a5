import type { ServerGapReason } from './gap-reason.js'

/** The memory that a backplane takes in this process, and what it dropped to stay within its budget. */
export interface BackplaneStats {
  /** Estimated bytes of everything that it keeps. */
  readonly bytes: number
  readonly channels: number
  readonly events: number
  readonly idempotencyKeys: number
  /** Events dropped early to stay within the memory budget, since the backplane was created. */
  readonly evictedEvents: number
  /** Idempotency keys forgotten early, since the backplane was created. */
  readonly evictedKeys: number
}

/** Counters since a manager was created, and gauges of its current state. */
export interface ManagerStats {
  /** Open streams. */
  readonly connections: number
  /** Open streams that read more slowly than events are published, and receive the log at their own pace. */
  readonly lagging: number
  /** Distinct sets of channels among the connections. */
  readonly cohorts: number
  /** Requests without a stream yet: they wait for `authorize`, another callback of their route, or the backplane. */
  readonly pendingAdmissions: number
  /** Published events that have not been written yet to all connections that keep up. */
  readonly waitingFrames: number
  /** Age of the oldest waiting event, in milliseconds; 0 if none waits. */
  readonly oldestFrameMs: number
  /** Total time spent writing to connections, in milliseconds. */
  readonly flushMs: number
  /** Longest time spent writing in one turn of the event loop, in milliseconds. */
  readonly longestFlushMs: number
  /** Streams opened. */
  readonly opened: number
  /** Streams ended, by either side. */
  readonly closed: number
  /** Requests refused: unauthorized, over a limit, or during shutdown. */
  readonly refused: number
  /** Events published through this manager, by `publish` or `emit`. */
  readonly published: number
  /** Events written, counted once per connection. */
  readonly deliveries: number
  /** Writes to connections, counted once per connection. Events of one turn of the event loop share a write. */
  readonly writes: number
  /** Bytes written to all connections, without HTTP framing. */
  readonly bytes: number
  /** Events written from the log, to streams that were joining or lagging. */
  readonly replayed: number
  /** Gaps announced, counted once per connection. */
  readonly gaps: number
  /** The gaps by reason. */
  readonly gapsByReason: Readonly<Record<ServerGapReason, number>>
  /** Times that a connection began to lag. */
  readonly lags: number
  /** Connections closed because they took no bytes for `stallTimeoutMs`. */
  readonly stalled: number
  readonly heartbeats: number
  /** Errors passed to `onError`. */
  readonly errors: number
  /** `undefined` if the backplane keeps its events outside this process. */
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
    writes: 0,
    bytes: 0,
    replayed: 0,
    gaps: { trimmed: 0, restarted: 0, lagged: 0, backplane: 0 },
    lags: 0,
    stalled: 0,
    heartbeats: 0,
    errors: 0,
  }
}
