import type { ReadResult } from './backplane.js'

/**
 * Returns the position up to which events may be missing before those that a read returned. For backplanes, if the read is not
 * `continuous`: a subscriber that joined at this position or later misses nothing. `Infinity` if the log belongs to another
 * history, so that every subscriber may miss some.
 *
 * @param after The position after which the log was read.
 */
export function missingUpTo({ messages, lastPosition }: ReadResult, after: number): number {
  const upTo = messages[0]?.previous ?? lastPosition
  return upTo > after ? upTo : Infinity
}
