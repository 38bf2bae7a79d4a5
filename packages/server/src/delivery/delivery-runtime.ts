import type { Clock } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import { type ErrorHandler, report } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import { createCounters } from '../runtime/stats.js'
import { Line } from './line.js'
import { Replays } from './replays.js'
import { StallWatch } from './stall-watch.js'

/** Shared by all parts of one manager that read or write events. */
export interface DeliveryRuntime extends Runtime {
  readonly backplane: Backplane
  /** A connection with this many buffered bytes gets nothing until it drains. */
  readonly highWaterMarkBytes: number
  /** The line in which all writers wait for their turn. */
  readonly line: Line
  readonly replays: Replays
  readonly stallWatch: StallWatch
  /** True during shutdown: the connection under a response that ends must not be reused. */
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
