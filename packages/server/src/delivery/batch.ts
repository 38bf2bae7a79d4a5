import type { ServerGapReason } from '../runtime/gap-reason.js'
import type { Payload } from '../sinks/payload.js'

/** A payload to write to a connection. */
export interface Batch {
  readonly payload: Payload
  /** The number of events in the payload. */
  readonly events: number
  /** The reasons of the gaps that it announces. */
  readonly gaps: readonly ServerGapReason[]
  /** True if the stream ends with it. */
  readonly ends: boolean
}
