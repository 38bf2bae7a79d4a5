import type { LiveMessage } from '@rivulet/server'
import { decodeEvent } from '../logs/event-text.js'

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

/** Reads `+<position>|<previous>|<origin>|<event>` (kept) or the same with `~` (live only). */
export function decodeLive(channel: string, text: string): LiveItem {
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const third = text.indexOf('|', second + 1)
  const position = Number(text.slice(1, first))
  const previous = Number(text.slice(first + 1, second))
  const origin = Number(text.slice(second + 1, third))
  const event = decodeEvent(text, third + 1)
  return { channel, position, previous, origin, message: text[0] === '+' ? { ...event, position, previous } : event }
}
