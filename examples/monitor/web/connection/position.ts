/**
 * Compares two event ids, which are positions in base 36: the longer one is later, and of two with the same length the
 * greater one. The empty id comes before everything.
 */
export function comparePositions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
