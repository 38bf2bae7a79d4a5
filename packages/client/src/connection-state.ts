import type { ConnectionSnapshot } from './connection/stream-link.js'

/** An immutable snapshot of a stream. Every change replaces it, so the same object means that nothing changed. */
export interface ConnectionState extends ConnectionSnapshot {
  /** The last event ID when this state began. The current one is `stream.lastEventId`. */
  readonly lastEventId: string
  /** The time of the last byte before this state began. The current one is `stream.lastActivityAt`. */
  readonly lastActivityAt: number | undefined
}
