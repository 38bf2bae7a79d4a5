/** Counters of one manager since it was made, and gauges of now. */
export interface ManagerStats {
  /** Streams that are open now. */
  readonly connections: number
  /** Those of them that are given the log at their own pace, because they read more slowly than events come. */
  readonly lagging: number
  /** Sets of channels that some connection has. */
  readonly cohorts: number
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
  /** How often a connection began to lag. */
  readonly lags: number
  /** Connections that were closed because they took no bytes for too long. */
  readonly stalled: number
  readonly heartbeats: number
  /** Errors that `onError` got. */
  readonly errors: number
}

export type Counters = { -readonly [Name in keyof Omit<ManagerStats, 'connections' | 'lagging' | 'cohorts'>]: number }

export function createCounters(): Counters {
  return {
    opened: 0,
    closed: 0,
    refused: 0,
    published: 0,
    deliveries: 0,
    bytes: 0,
    replayed: 0,
    gaps: 0,
    lags: 0,
    stalled: 0,
    heartbeats: 0,
    errors: 0,
  }
}
