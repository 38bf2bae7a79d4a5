import type { Backplane, ReadResult } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { pieceChars } from './piece.js'

/** The number of events of each channel that one read asks for. */
export function readLimit(channels: number): number {
  return Math.max(8, Math.floor(256 / channels))
}

/**
 * The number of events of each channel that make about two pieces. A slow connection takes one at a time, and the rest is read
 * again. The first one is as full as that of other streams, which it therefore shares.
 *
 * @param before The results of the read before, for the size of the events.
 */
export function shortReadLimit(before: readonly ReadResult[]): number {
  const messages = before.flatMap((result) => result.messages)
  const chars = messages.reduce((sum, { data }) => sum + data.length, 0)
  const most = readLimit(before.length)
  if (chars === 0) return most
  return Math.min(most, Math.max(2, Math.ceil((2 * pieceChars * messages.length) / (chars * before.length))))
}

/** Reads each of a stream's channels after a position of its own. */
export function readChannels(
  backplane: Backplane,
  channels: readonly string[],
  after: (channel: string) => number,
  limit: number = readLimit(channels.length),
): Awaitable<readonly ReadResult[]> {
  return all(channels.map((channel) => backplane.read(channel, after(channel), limit)))
}

/** `Promise.all`, but synchronous if no value is a promise. */
export function all<T>(values: readonly Awaitable<T>[]): Awaitable<readonly T[]> {
  return values.some((value) => value instanceof Promise) ? Promise.all(values) : (values as readonly T[])
}
