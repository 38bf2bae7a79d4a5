import type { Frame } from './frame.js'

/**
 * The frames of a cohort that some connection still has to be given, by ordinal: how many frames the cohort had before.
 *
 * It is shared: each connection knows the ordinal at which it goes on, and holds nothing itself.
 */
export class FrameQueue {
  #frames: Frame[] = []
  #start = 0
  #size = 0
  #largest = 0
  #droppedPosition = 0
  #droppedUnkept = -1

  /** The ordinal of the first frame that is still here. */
  get start(): number {
    return this.#start
  }

  /** The ordinal that the next frame will get. */
  get end(): number {
    return this.#start + this.#frames.length
  }

  /** How many characters the frames hold. */
  get size(): number {
    return this.#size
  }

  /** How many characters its largest frame holds. */
  get largest(): number {
    return this.#largest
  }

  /** The highest position among the dropped frames: everything after it that was ever pushed is still here. */
  get droppedPosition(): number {
    return this.#droppedPosition
  }

  push(frame: Frame): void {
    this.#frames.push(frame)
    this.#size += frame.size
    this.#largest = Math.max(this.#largest, frame.size)
  }

  at(ordinal: number): Frame {
    return this.#frames[ordinal - this.#start]!
  }

  slice(from: number, to: number): readonly Frame[] {
    return this.#frames.slice(from - this.#start, to - this.#start)
  }

  /** Drops the frames before an ordinal. */
  dropBefore(ordinal: number): void {
    const count = Math.min(ordinal, this.end) - this.#start
    if (count <= 0) return
    let lostLargest = false
    for (let index = 0; index < count; index++) {
      const { position, size } = this.#frames[index]!
      this.#size -= size
      if (size === this.#largest) lostLargest = true
      if (position === undefined) this.#droppedUnkept = this.#start + index
      else if (position > this.#droppedPosition) this.#droppedPosition = position
    }
    this.#frames = count === this.#frames.length ? [] : this.#frames.slice(count)
    this.#start += count
    if (lostLargest) this.#largest = this.#frames.reduce((largest, { size }) => Math.max(largest, size), 0)
  }

  /** Whether a frame without a position was dropped at or after an ordinal: the log does not have it. */
  droppedUnkeptSince(ordinal: number): boolean {
    return this.#droppedUnkept >= ordinal
  }
}
