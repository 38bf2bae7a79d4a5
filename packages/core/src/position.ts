/**
 * Compares the ids of two events: negative if the first was published before the second, 0 if they are the same, positive
 * otherwise. Works across channels and restarts, for example to count what is unread since an id that you have stored.
 *
 * Ids are positions: base-36 numbers, of which a longer one is later.
 */
export function comparePositions(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}
