import { textBytes } from '../runtime/text-bytes.js'
import type { PublishResult } from './backplane.js'
import { timeAfter } from './position.js'

/** Keys of about the same time, forgotten together in constant time. */
interface Slice {
  readonly startedAt: number
  /** By channel and key: the event's position, or the negated publishing time of an event that is not kept. */
  readonly marks: Map<string, number>
  bytes: number
  /** The time at which its last key expires. */
  until: number
}

/** Slices per window. An expired key may stay in memory for the length of one slice. */
const slicesPerWindow = 8
/** The memory of a key without its text. */
const keyBytes = 80

/** The results of recent publishes, by idempotency key. */
export class IdempotencyKeys {
  /** The number of keys forgotten early because of `maxBytes`. */
  evicted = 0
  readonly #windowMs: number
  readonly #maxBytes: number
  /** The oldest first. */
  readonly #slices: Slice[] = []

  constructor(windowMs: number, maxBytes: number) {
    this.#windowMs = windowMs
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#slices.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get size(): number {
    return this.#slices.reduce((sum, { marks }) => sum + marks.size, 0)
  }

  /** The time at which the next slice expires, in milliseconds since the Unix epoch. */
  get due(): number {
    return this.#slices[0]?.until ?? Infinity
  }

  get(channel: string, key: string, now: number): PublishResult | undefined {
    const name = nameOf(channel, key)
    for (let index = this.#slices.length - 1; index >= 0; index--) {
      const mark = this.#slices[index]!.marks.get(name)
      if (mark === undefined) continue
      if (this.#endOf(mark) <= now) return undefined
      return { position: mark < 0 ? undefined : mark, duplicate: true }
    }
    return undefined
  }

  set(channel: string, key: string, position: number | undefined, now: number): void {
    const name = nameOf(channel, key)
    const mark = position ?? -now
    const slice = this.#slice(now)
    slice.marks.set(name, mark)
    slice.bytes += keyBytes + textBytes(name)
    slice.until = Math.max(slice.until, this.#endOf(mark))
    while (this.#slices.length > 1 && this.bytes > this.#maxBytes) this.evicted += this.#slices.shift()!.marks.size
  }

  /** Forgets expired slices. */
  expire(now: number): void {
    while (this.due <= now) this.#slices.shift()
  }

  clear(): void {
    this.#slices.length = 0
  }

  #slice(now: number): Slice {
    const newest = this.#slices.at(-1)
    const full = this.#maxBytes / slicesPerWindow
    if (newest && now - newest.startedAt < this.#windowMs / slicesPerWindow && newest.bytes < full) return newest
    const slice = { startedAt: now, marks: new Map<string, number>(), bytes: 0, until: 0 }
    this.#slices.push(slice)
    return slice
  }

  #endOf(mark: number): number {
    return (mark < 0 ? -mark : timeAfter(mark) - 1) + this.#windowMs
  }
}

// The length keeps ('a', 'b:c') and ('a:b', 'c') apart. Joins an array: V8 keeps a concatenated string in parts, which take
// five times the memory.
function nameOf(channel: string, key: string): string {
  return [channel.length, channel, key].join(':')
}
