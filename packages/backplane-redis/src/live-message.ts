import type { BackplaneMessage, LiveMessage } from '@rivulet/server'

/** A message as pub/sub brought it. Every one has a place in the order, also one that is live only. */
export interface LiveItem {
  readonly channel: string
  /** Its place. */
  readonly position: number
  /** The place of the one of its kind (kept, or live only) before it on its channel. */
  readonly previous: number
  /** Where the history begins to which it belongs; `undefined` where the log gave it. */
  readonly origin?: number
  readonly message: LiveMessage
}

/** An event as Redis has it: the length of its type in UTF-16 units tells where the data begins. */
export function encodeEvent({ type, data }: BackplaneMessage): string {
  return `${type.length}|${type}${data}`
}

export function decodeEvent(text: string, from = 0): BackplaneMessage {
  const bar = text.indexOf('|', from)
  const data = bar + 1 + Number(text.slice(from, bar))
  return { type: text.slice(bar + 1, data), data: text.slice(data) }
}

/** Reads `+<position>|<previous>|<origin>|<event>` (kept) or `~<place>|<place before>|<origin>|<event>` (live only). */
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

/** An echo: the last position when it was published, and where the history began. */
export interface Echo {
  readonly last: number
  readonly origin: number
}

/** Reads `<last>|<origin>`. */
export function decodeEcho(text: string): Echo {
  const [last, origin] = text.split('|').map(Number) as [number, number]
  return { last, origin }
}
