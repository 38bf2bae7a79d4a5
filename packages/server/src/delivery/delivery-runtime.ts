import type { Clock } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import { type ErrorHandler, report } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import { createCounters } from '../runtime/stats.js'
import { Line } from './line.js'
import { Replays } from './replays.js'
import { StallWatch } from './stall-watch.js'

/** The facilities that all parts of one manager share that read or write events. */
export interface DeliveryRuntime extends Runtime {
  readonly backplane: Backplane
  /** A connection with this many buffered bytes is written to again only after it drains. */
  readonly highWaterMarkBytes: number
  /** Everything that writes to connections waits for its turn here. */
  readonly line: Line
  readonly replays: Replays
  readonly stallWatch: StallWatch
  /** The server is shutting down: connections under responses that end are not reused. */
  closing: boolean
}

export interface DeliveryRuntimeOptions {
  readonly name: string
  readonly clock: Clock
  readonly backplane: Backplane
  readonly limits: { readonly highWaterMarkBytes?: number; readonly stallTimeoutMs?: number }
  readonly onError: ErrorHandler
}

export function createDeliveryRuntime(options: DeliveryRuntimeOptions): DeliveryRuntime {
  const { name, clock, backplane, onError } = options
  const { highWaterMarkBytes = 262_144, stallTimeoutMs = 60_000 } = options.limits
  const counters = createCounters()
  const onTurn = (ms: number) => {
    counters.flushMs += ms
    counters.longestFlushMs = Math.max(counters.longestFlushMs, ms)
  }
  return {
    name,
    clock,
    backplane,
    counters,
    highWaterMarkBytes,
    line: new Line(clock, onTurn),
    replays: new Replays(),
    stallWatch: new StallWatch(clock, stallTimeoutMs),
    closing: false,
    report(error, context) {
      counters.errors++
      report(onError, error, context)
    },
  }
}
