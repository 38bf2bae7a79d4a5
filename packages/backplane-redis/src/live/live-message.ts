import type { LiveMessage } from '@rivulet/server'
import { boundsOf, decodeEvent } from '../logs/event-text.js'

// Parses the messages of pub/sub: here a Redis message becomes an event.

/** A message of pub/sub. Each one has a position here, even one that is live only. */
export interface LiveItem {
  readonly channel: string
  readonly position: number
  /** The position of the previous item of its kind (kept, or live only) on its channel. */
  readonly previous: number
  /** The origin of its history; `undefined` for an item of a log. */
  readonly origin?: number
  readonly message: LiveMessage
}

/**
 * Reads the items of one Redis message, one behind the other: `+<position>|<previous>|<origin>|<event>` (kept) or the same
 * with `~` (live only). An item whose position and previous one follow from the item before is `+|<event>` or `~|<event>`.
 */
export function* decodeLive(channel: string, text: string): Iterable<LiveItem> {
  let position = 0
  let previous = 0
  let origin = 0
  for (let from = 0; from < text.length; ) {
    const first = text.indexOf('|', from)
    let last = first
    if (first === from + 1) {
      previous = position
      position++
    } else {
      const second = text.indexOf('|', first + 1)
      last = text.indexOf('|', second + 1)
      position = Number(text.slice(from + 1, first))
      previous = Number(text.slice(first + 1, second))
      origin = Number(text.slice(second + 1, last))
    }
    const bounds = boundsOf(text, last + 1)
    const event = decodeEvent(text, bounds)
    yield {
      channel,
      position,
      previous,
      origin,
      message: text[from] === '+' ? { ...event, position, previous } : event,
    }
    from = bounds.end
  }
}
