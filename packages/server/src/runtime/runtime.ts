import type { Clock } from '@rivulet/core'
import type { ErrorContext } from './report.js'
import type { Counters } from './stats.js'

/** The facilities that all parts of one manager share. */
export interface Runtime {
  /** The manager's name, for diagnostics. */
  readonly name: string
  readonly clock: Clock
  readonly counters: Counters
  /** Passes an error to the application's handler. Never throws. */
  report(error: unknown, context: ErrorContext): void
}
