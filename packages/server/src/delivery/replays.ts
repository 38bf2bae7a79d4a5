import type { StoredMessage } from '../backplane/backplane.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'
import { encodeFrame, Frame, largeChars } from './frame.js'
import { pieceChars } from './piece.js'

/** Events of the log that are sent in one write. */
export interface Part {
  readonly payload: Payload
  /** The number of events. */
  readonly events: number
  readonly gaps: readonly ServerGapReason[]
  /** True if the stream ends with it. */
  readonly ends: boolean
  /** The position of the last event. */
  readonly through: number
}

interface KnownPart extends Part {
  readonly channel: string
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
  readonly #parts = new Map<number, KnownPart>()
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

  /** The part of a channel's events that begins at an index. */
  part(channel: string, messages: readonly StoredMessage[], index: number): Part {
    const known = this.#known(channel, messages, index)
    if (known) return known
    const { position, data } = messages[index]!
    // A large event is a part of its own, so that all streams share it.
    if (data.length > largeChars) return partOf([this.frame(channel, messages[index]!)])
    let text = ''
    let end = index
    let full = false
    let final = false
    while (end < messages.length && !final) {
      const message = messages[end]!
      text += encodeFrame(message, message.position)
      end++
      const next = messages[end]
      full = text.length >= pieceChars || (next !== undefined && next.data.length > largeChars)
      // A full part that is already cached comes next.
      final = full || (next !== undefined && this.#known(channel, messages, end)?.full === true)
    }
    const own = messages.slice(index, end)
    const through = own.at(-1)!.position
    const payload = new Payload(text)
    const ends = own.at(-1)!.type === 'rivulet:end'
    const part = { payload, events: own.length, gaps: noGaps, ends, through, channel, messages: own, full, final }
    this.#remember(position, part)
    return part
  }

  /** Drops everything cached for a channel. */
  forget(channel: string): void {
    for (const frame of this.#frames.values()) if (frame.channel === channel) this.#forget(frame)
    for (const [position, part] of this.#parts) if (part.channel === channel) this.#forgetPart(position, part)
  }

  #forgetPart(position: number, part: KnownPart): void {
    this.#parts.delete(position)
    this.#partBytes -= sizeOf(part)
  }

  #known(channel: string, messages: readonly StoredMessage[], index: number): KnownPart | undefined {
    const known = this.#parts.get(messages[index]!.position)
    if (!known || known.channel !== channel) return undefined
    const end = index + known.events
    if (end > messages.length || (end < messages.length && !known.final)) return undefined
    return known.messages.every((message, offset) => isSame(message, messages[index + offset]!)) ? known : undefined
  }

  #remember(position: number, part: KnownPart): void {
    const before = this.#parts.get(position)
    // Moves to the end: the oldest entries are dropped first.
    if (before) this.#forgetPart(position, before)
    this.#parts.set(position, part)
    this.#partBytes += sizeOf(part)
    for (const [oldest, known] of this.#parts) {
      if (this.#partBytes <= maxBytes) return
      this.#forgetPart(oldest, known)
    }
  }
}

function sizeOf({ payload }: KnownPart): number {
  return payload.bytes.length + entryBytes
}

/** Joins frames to a part. @param frames At least one, each with a position. */
export function partOf(frames: readonly Frame[]): Part {
  const [first] = frames
  return {
    payload: frames.length === 1 ? first!.payload : new Payload(frames.map(({ text }) => text).join('')),
    events: frames.length,
    gaps: noGaps,
    ends: frames.at(-1)!.ends,
    through: frames.at(-1)!.position!,
  }
}

/** Compares by content: some backplanes return a new object for each read. */
function isSame(one: StoredMessage, other: StoredMessage): boolean {
  return one === other || (one.position === other.position && one.type === other.type && one.data === other.data)
}
