import type { Line } from '../shared/events.js'

/** A page's record of the numbers that it received. */
export interface Tally {
  readonly received: number
  readonly last: number
  /** Numbers that were skipped. */
  readonly missing: number
  /** Numbers that came again or too late. */
  readonly repeated: number
}

export const nothing: Tally = { received: 0, last: 0, missing: 0, repeated: 0 }

export function count({ received, last, missing, repeated }: Tally, { n }: Line): Tally {
  // A page starts in the middle: nothing is missing before its first line.
  const passed = received === 0 ? 0 : n - last - 1
  return {
    received: received + 1,
    last: Math.max(last, n),
    missing: missing + Math.max(0, passed),
    repeated: repeated + (passed < 0 ? 1 : 0),
  }
}
