import type { Clock } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import type { Line } from '../delivery/line.js'
import type { Replays } from '../delivery/replays.js'
import type { StallWatch } from '../delivery/stall-watch.js'
import type { ErrorContext } from './report.js'
import type { Counters } from './stats.js'

/** What the parts of one manager share. */
export interface Runtime {
  /** The manager's, for diagnostics. */
  readonly name: string
  readonly clock: Clock
  readonly backplane: Backplane
  readonly counters: Counters
  /** How many bytes may wait for a connection before it is given nothing more. */
  readonly highWaterMarkBytes: number
  /** Everything that writes to connections waits for its turn here. */
  readonly line: Line
  readonly replays: Replays
  readonly stallWatch: StallWatch
  /** The server goes away: connections under responses that end are not used again. */
  readonly closing: boolean
  report(error: unknown, context: ErrorContext): void
}
