import type { StoredMessage } from '../backplane/backplane.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'
import type { Batch } from './batch.js'
import { encodeFrame, endsStream, Frame, largeChars } from './frame.js'
import type { LogEvents } from './log-page.js'
import { type Cut, cutMessages } from './piece.js'

/** Events of the log that are sent in one write. */
interface Part extends Batch {
  readonly channels: readonly string[]
  readonly messages: readonly StoredMessage[]
  /** True if no more events fit. Other parts end where a full one begins, so that all streams go on with the same parts. */
  readonly full: boolean
  /** True if it would end there even if more events followed. */
  readonly final: boolean
}

/** The approximate limit in bytes, once for single events and once for parts. Each entry costs `entryBytes` besides its text. */
const maxBytes = 2_097_152
const entryBytes = 300
const noGaps: readonly ServerGapReason[] = []

/**
 * Caches encoded events of the log, so that streams share their bytes. It never decides which events a stream gets: each
 * stream reads those from the backplane, and the cache only supplies their encoded form.
 */
export class Replays {
  readonly #frames = new Map<number, Frame>()
  /** Parts by their channels and the position of their first event. */
  readonly #parts = new Map<string, Part>()
  #frameBytes = 0
  #partBytes = 0

  /** The frame of an event. The same for everyone who asks, as long as it is cached. */
  frame(channel: string, message: StoredMessage): Frame {
    const known = this.#frames.get(message.position)
    if (known?.isOf(channel, message)) return known
    if (known) this.#forget(known)
    this.trim()
    const frame = Frame.of(channel, message)
    this.#frames.set(message.position, frame)
    this.#frameBytes += frame.size + entryBytes
    return frame
  }

  /** Drops the oldest frames above the limit. Keeps those that wait in some connection: they take memory anyway. */
  trim(): void {
    if (this.#frameBytes <= maxBytes) return
    for (const frame of this.#frames.values()) {
      if (!frame.isHeld) this.#forget(frame)
      if (this.#frameBytes <= maxBytes) return
    }
  }

  #forget(frame: Frame): void {
    this.#frames.delete(frame.position!)
    this.#frameBytes -= frame.size + entryBytes
  }

  /** The part that begins with the event at an index. */
  part(events: LogEvents, index: number): Batch {
    const key = keyOf(events, index)
    const known = this.#known(key, events, index)
    if (known) return known
    const { channels, messages, channelOf } = events
    // Shared beyond its part, even with streams of other channels.
    if (messages[index]!.data.length > largeChars) return batchOf([this.frame(channelOf(index), messages[index]!)])
    const { end, full, final } = this.#cut(events, index)
    // The page itself, so that streams that have the same one need no comparison.
    const own = index === 0 && end === messages.length ? messages : messages.slice(index, end)
    let text = ''
    for (const message of own) text += encodeFrame(message, message.position)
    const payload = new Payload(text)
    const ends = endsStream(own.at(-1)!.type)
    const part = { payload, events: own.length, gaps: noGaps, ends, channels, messages: own, full, final }
    this.#remember(key, part)
    return part
  }

  #cut(events: LogEvents, index: number): Cut & { readonly final: boolean } {
    const { messages } = events
    const { end, full } = cutMessages(messages, index)
    for (let next = index + 1; next < end; next++) {
      // A full part that is already cached comes next.
      if (this.#known(keyOf(events, next), events, next)?.full) return { end: next, full: false, final: true }
    }
    return { end, full, final: full }
  }

  /** Drops everything cached for a channel. */
  forget(channel: string): void {
    for (const frame of this.#frames.values()) if (frame.channel === channel) this.#forget(frame)
    for (const [key, part] of this.#parts) if (part.channels.includes(channel)) this.#forgetPart(key, part)
  }

  #forgetPart(key: string, part: Part): void {
    this.#parts.delete(key)
    this.#partBytes -= sizeOf(part)
  }

  #known(key: string, { messages }: LogEvents, index: number): Part | undefined {
    const known = this.#parts.get(key)
    if (!known) return undefined
    const end = index + known.events
    if (end > messages.length || (end < messages.length && !known.final)) return undefined
    if (known.messages === messages) return known
    return known.messages.every((message, offset) => isSame(message, messages[index + offset]!)) ? known : undefined
  }

  #remember(key: string, part: Part): void {
    const before = this.#parts.get(key)
    // Moves to the end: the oldest entries are dropped first.
    if (before) this.#forgetPart(key, before)
    this.#parts.set(key, part)
    this.#partBytes += sizeOf(part)
    if (this.#partBytes <= maxBytes) return
    for (const [oldest, known] of this.#parts) {
      if (this.#partBytes <= maxBytes) return
      this.#forgetPart(oldest, known)
    }
  }
}

function keyOf({ group, messages }: LogEvents, index: number): string {
  return `${messages[index]!.position} ${group}`
}

function sizeOf({ payload }: Part): number {
  return payload.length + entryBytes
}

/** Joins frames to a batch. @param frames At least one, each with a position. */
export function batchOf(frames: readonly Frame[]): Batch {
  const [first] = frames
  return {
    payload: frames.length === 1 ? first!.payload : new Payload(frames.map(({ text }) => text).join('')),
    events: frames.length,
    gaps: noGaps,
    ends: frames.at(-1)!.ends,
  }
}

/** Compares by content: some backplanes return a new object for each read. */
function isSame(one: StoredMessage, other: StoredMessage): boolean {
  return one === other || (one.position === other.position && one.type === other.type && one.data === other.data)
}
