import type { BackplaneMessage } from '@rivulet/server'

/** Encodes an event for Redis: the length of its type, in UTF-16 units, tells where its data begins. */
export function encodeEvent({ type, data }: BackplaneMessage): string {
  return `${type.length}|${type}${data}`
}

export function decodeEvent(text: string, from = 0): BackplaneMessage {
  const bar = text.indexOf('|', from)
  const data = bar + 1 + Number(text.slice(from, bar))
  return { type: text.slice(bar + 1, data), data: text.slice(data) }
}
