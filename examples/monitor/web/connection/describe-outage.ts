import type { GapReason } from '@rivulet/core'
import { formatDuration, formatTime } from '../format.js'
import type { Outage } from './outages.js'

const reasons: Record<GapReason, string> = {
  restarted: 'The server restarted: what came before its start is gone.',
  trimmed: 'It lasted longer than the server keeps events: some are missing.',
  lagged: 'This page read too slowly: some events are missing.',
  oversized: 'One event is too large for this page: it is left out.',
  backplane: 'The servers lost touch with each other: some events may be missing.',
}

/** Describes an outage in one or two sentences. */
export function describeOutage({ lostAt, backAt, complete, reason }: Outage): string {
  if (backAt === undefined) return `Connection lost at ${formatTime(lostAt)}. Trying again.`
  const missing = reason ? reasons[reason] : 'Some events may be missing.'
  if (backAt === lostAt) return `Gap. ${missing}`
  return `Reconnected after ${formatDuration(backAt - lostAt)}. ${complete ? 'Nothing was missed.' : missing}`
}
