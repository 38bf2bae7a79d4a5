/**
 * Compares the ids of two events: negative if the first was published before the second, 0 if they are the same, positive
 * otherwise. Works across channels and restarts, for example to count the events that a user has not read yet.
 *
 * Ids are positions: base-36 numbers. A longer one is later.
 */
export function comparePositions(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}
