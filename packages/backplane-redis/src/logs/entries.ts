import type { StoredMessage } from '@rivulet/server'
import { decodeEvent } from './event-text.js'

/**
 * Lua: appends the entries of a stream to a reply of `size` elements, each as `id, previous, event`. Returns the new size.
 *
 * The other half is `entriesAt`.
 */
export const putEntries = `
local function putEntries(reply, size, entries)
  for _, entry in ipairs(entries) do
    reply[size + 1], reply[size + 2], reply[size + 3] = entry[1], entry[2][2], entry[2][6]
    size = size + 3
  end
  return size
end
`

/** The elements of a reply that one event takes. */
export const entrySize = 3

/** Reads `count` events from the elements of a reply, beginning with `from`. */
export function entriesAt(reply: readonly string[], from: number, count: number): StoredMessage[] {
  return Array.from({ length: count }, (_, index) => {
    const at = from + entrySize * index
    const position = Number.parseInt(reply[at]!, 10)
    return { ...decodeEvent(reply[at + 2]!), position, previous: Number(reply[at + 1]) }
  })
}

/** The number of events to ask for. At least 1: only an event, or the lack of any, tells whether one is missing. */
export function countOf(limit: number): number {
  return Math.max(1, limit)
}
