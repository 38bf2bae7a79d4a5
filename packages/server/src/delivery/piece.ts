import type { StoredMessage } from '../backplane/backplane.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'
import { endsStream, type Frame, largeChars } from './frame.js'

/** The number of characters after which a piece ends. A slow connection can stop between two pieces. */
export const pieceChars = 65_536

/** The end of a piece, and whether it stays there when more events follow. */
export interface Cut {
  readonly end: number
  readonly full: boolean
}

/** An event of a list, as far as it decides where a piece is cut. */
export interface Cuttable {
  /** The number of its characters. */
  readonly size: number
  /** True if its stream ends with it. */
  readonly ends: boolean
}

/**
 * Cuts a piece off a list. A large event is a piece of its own, so that all streams share its bytes. Nothing follows the
 * last event of a stream in its piece, because nothing of it may be sent.
 *
 * @param from The index of its first event.
 * @param end The end of the list.
 * @param at The event at an index.
 */
export function cutPiece(from: number, end: number, at: (index: number) => Cuttable): Cut {
  let chars = 0
  for (let index = from; index < end; index++) {
    const { size, ends } = at(index)
    if (size > largeChars && index > from) return { end: index, full: true }
    chars += size
    if (chars >= pieceChars || ends) return { end: index + 1, full: true }
  }
  return { end, full: false }
}

/** Cuts a piece off events of the log. @param from The index of its first event. */
export function cutMessages(messages: readonly StoredMessage[], from: number): Cut {
  return cutPiece(from, messages.length, (index) => {
    const { type, data } = messages[index]!
    return { size: data.length, ends: endsStream(type) }
  })
}

/** Interval at which the selection of frames checks the clock, in frames. */
export const framesPerLook = 8

/** The part of a piece that was looked at, and the frames of it that a connection wants; `undefined` if it wants none. */
export interface Taken {
  readonly taken: Piece
  readonly given: Piece | undefined
}

/** Consecutive frames that are sent in one write. */
export class Piece {
  readonly frames: readonly Frame[]
  /** The number of events among the frames. */
  readonly events: number
  /** The reasons of the gaps that the other frames announce. */
  readonly gaps: readonly ServerGapReason[]
  /** True if the stream ends with it. */
  readonly ends: boolean
  /** The lowest position of the events and gaps, and the highest one of the events; `Infinity` and 0 if none has one. */
  readonly lowest: number
  readonly highest: number
  #payload: Payload | undefined

  /** @param frames At least one. */
  constructor(frames: readonly Frame[]) {
    this.frames = frames
    let lowest = Infinity
    let highest = 0
    const gaps: ServerGapReason[] = []
    for (const { position, gap, upTo } of frames) {
      if (gap) gaps.push(gap)
      if (upTo !== undefined) lowest = Math.min(lowest, upTo)
      if (position === undefined) continue
      lowest = Math.min(lowest, position)
      highest = Math.max(highest, position)
    }
    this.lowest = lowest
    this.highest = highest
    this.gaps = gaps
    this.ends = frames.at(-1)!.ends
    this.events = frames.length - gaps.length
  }

  /** The bytes, encoded once and shared by all connections that get these frames. A single frame's bytes are also shared across pieces. */
  get payload(): Payload {
    const { frames } = this
    this.#payload ??= frames.length === 1 ? frames[0]!.payload : new Payload(frames.map(({ text }) => text).join(''))
    return this.#payload
  }

  /**
   * Selects the frames that a connection wants.
   *
   * @param isLate Asked after every few frames. Once it is, the rest is left for later: a filter may be slow.
   */
  take(wants: (frame: Frame) => boolean, isLate: () => boolean): Taken {
    const frames: Frame[] = []
    let count = 0
    for (const frame of this.frames) {
      if (wants(frame)) frames.push(frame)
      if (++count % framesPerLook === 0 && isLate()) break
    }
    const taken = count === this.frames.length ? this : new Piece(this.frames.slice(0, count))
    if (frames.length === count) return { taken, given: taken }
    return { taken, given: frames.length > 0 ? new Piece(frames) : undefined }
  }
}
