import type { BackplaneMessage } from '@rivulet/server'

/** Encodes an event for Redis: the lengths of its type and its data, in UTF-16 units, come first. */
export function encodeEvent({ type, data }: BackplaneMessage): string {
  return `${type.length}|${data.length}|${type}${data}`
}

/** The index at which an event's type begins, at which its data does, and at which it ends. */
export interface EventBounds {
  readonly type: number
  readonly data: number
  readonly end: number
}

/** Finds an event in a text. @param from The index at which it begins. */
export function boundsOf(text: string, from: number): EventBounds {
  const bar = text.indexOf('|', from)
  const type = text.indexOf('|', bar + 1) + 1
  const data = type + Number(text.slice(from, bar))
  return { type, data, end: data + Number(text.slice(bar + 1, type - 1)) }
}

export function decodeEvent(text: string, { type, data, end }: EventBounds = boundsOf(text, 0)): BackplaneMessage {
  return { type: text.slice(type, data), data: text.slice(data, end) }
}
