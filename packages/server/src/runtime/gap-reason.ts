import type { GapReason } from '@rivulet/core'

/** The reason for which a server announces a gap. */
export type ServerGapReason = Exclude<GapReason, 'oversized'>
