import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'
import type { Frame } from './frame.js'

/**
 * Frames that are written in one piece are cut after this many characters, so that a slow connection can stop between
 * two pieces.
 */
export const pieceChars = 65_536

/** Frames that are written in one piece. */
export class Piece {
  readonly frames: readonly Frame[]
  /** How many of them are events. */
  readonly events: number
  /** The gaps that the others announce. */
  readonly gaps: readonly ServerGapReason[]
  /** Whether the stream is over with it. */
  readonly ends: boolean
  /** The positions of its events; `Infinity` and 0 where none has one. */
  readonly lowest: number
  readonly highest: number
  #payload: Payload | undefined

  /** @param frames At least one. */
  constructor(frames: readonly Frame[]) {
    this.frames = frames
    let lowest = Infinity
    let highest = 0
    const gaps: ServerGapReason[] = []
    for (const { position, gap } of frames) {
      if (gap) gaps.push(gap)
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

  /** Made once, and shared by whoever gets just these frames; that of a single one with everyone who gets it alone. */
  get payload(): Payload {
    const { frames } = this
    this.#payload ??= frames.length === 1 ? frames[0]!.payload : new Payload(frames.map(({ text }) => text).join(''))
    return this.#payload
  }

  /** The same without the frames that a connection is not given; `undefined` where none is left. */
  only(wanted: (frame: Frame) => boolean): Piece | undefined {
    const frames = this.frames.filter(wanted)
    if (frames.length === this.frames.length) return this
    return frames.length > 0 ? new Piece(frames) : undefined
  }
}
