import { textBytes } from '../runtime/text-bytes.js'
import type { PublishResult } from './backplane.js'
import { timeAfter } from './position.js'

/** Keys of about the same time, which are forgotten together: that costs nothing, whatever their number. */
interface Slice {
  readonly since: number
  /** By channel and key: the event's position, or the negated time of one that is not kept. */
  readonly marks: Map<string, number>
  bytes: number
  /** When the last of them is over. */
  until: number
}

/** A window consists of about as many slices: so much longer than the window a key may take memory. */
const slicesPerWindow = 8
/** What a key takes beside its text. */
const keyBytes = 80

/** The results of recent publishes by key. */
export class IdempotencyKeys {
  /** How many keys were forgotten before their time, because all of them took too much memory. */
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

  /** When the next of them can be forgotten, in milliseconds since the Unix epoch. */
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

  /** Forgets what is over. */
  expire(now: number): void {
    while (this.due <= now) this.#slices.shift()
  }

  clear(): void {
    this.#slices.length = 0
  }

  #slice(now: number): Slice {
    const newest = this.#slices.at(-1)
    const full = this.#maxBytes / slicesPerWindow
    if (newest && now - newest.since < this.#windowMs / slicesPerWindow && newest.bytes < full) return newest
    const slice = { since: now, marks: new Map<string, number>(), bytes: 0, until: 0 }
    this.#slices.push(slice)
    return slice
  }

  #endOf(mark: number): number {
    return (mark < 0 ? -mark : timeAfter(mark) - 1) + this.#windowMs
  }
}

// The length keeps ('a', 'b:c') and ('a:b', 'c') apart. Joined and not concatenated: a text of parts takes five times as much.
function nameOf(channel: string, key: string): string {
  return [channel.length, channel, key].join(':')
}
