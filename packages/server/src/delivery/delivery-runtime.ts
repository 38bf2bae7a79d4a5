import type { Clock } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import { type ErrorHandler, report } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import { createCounters } from '../runtime/stats.js'
import { Line } from './line.js'
import { type CoalescingOptions, Pace } from './pace.js'
import { Replays } from './replays.js'
import { StallWatch } from './stall-watch.js'

/** Shared by all parts of one manager that read or write events. */
export interface DeliveryRuntime extends Runtime {
  readonly backplane: Backplane
  /** A connection with this many buffered bytes gets nothing until it drains. */
  readonly highWaterMarkBytes: number
  /** The line in which all writers wait for their turn. */
  readonly line: Line
  readonly pace: Pace | undefined
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
  /** Gathers events in one write, over several turns of the event loop. */
  readonly coalescing?: CoalescingOptions | boolean | undefined
  readonly onError: ErrorHandler
}

export function createDeliveryRuntime(options: DeliveryRuntimeOptions): DeliveryRuntime {
  const { name, clock, backplane, coalescing, onError } = options
  const { highWaterMarkBytes = 262_144, stallTimeoutMs = 60_000 } = options.limits
  const counters = createCounters()
  const onTurn = (ms: number) => {
    counters.flushMs += ms
    counters.longestFlushMs = Math.max(counters.longestFlushMs, ms)
  }
  const pace = coalescing ? new Pace(coalescing === true ? {} : coalescing) : undefined
  return {
    name,
    clock,
    backplane,
    counters,
    highWaterMarkBytes,
    line: new Line(clock, { onTurn, pace, writes: () => counters.writes }),
    pace,
    replays: new Replays(),
    stallWatch: new StallWatch(clock, stallTimeoutMs),
    closing: false,
    report(error, context) {
      counters.errors++
      report(onError, error, context)
    },
  }
}
