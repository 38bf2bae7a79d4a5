import type { Backplane, ReadResult } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'

/** The number of events of each channel that one read asks for. */
export function readLimit(channels: number): number {
  return Math.max(8, Math.floor(256 / channels))
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
