import type { RunRecord } from '../backplane/run-store.js'

/** A run, as `get` and `list` show it. */
export type RunInfo = Pick<RunRecord, 'id' | 'key' | 'state' | 'reason' | 'startedAt' | 'endedAt'>

/** A run, as the application sees it. */
export function infoOf({ id, key, state, reason, startedAt, endedAt }: RunRecord): RunInfo {
  return { id, key, state, reason, startedAt, endedAt }
}
