import type { Frame } from './frame.js'

/**
 * The frames that some connection of a cohort still needs. A frame's ordinal is the number of frames pushed before it.
 *
 * The queue is shared: a connection stores only the ordinal of its next frame.
 */
export class FrameQueue {
  #frames: Frame[] = []
  #start = 0
  #size = 0
  #largest = 0
  #droppedPosition = 0
  #droppedUnkept = -1

  /** The ordinal of the first frame in the queue. */
  get start(): number {
    return this.#start
  }

  /** The ordinal of the next frame to be pushed. */
  get end(): number {
    return this.#start + this.#frames.length
  }

  /** The total length of the frames in characters. */
  get size(): number {
    return this.#size
  }

  /** The length of the largest frame in characters. */
  get largest(): number {
    return this.#largest
  }

  /** The highest position among the dropped frames. Every frame pushed with a higher position is still here. */
  get droppedPosition(): number {
    return this.#droppedPosition
  }

  push(frame: Frame): void {
    this.#frames.push(frame)
    this.#size += frame.size
    this.#largest = Math.max(this.#largest, frame.size)
  }

  frameAt(ordinal: number): Frame {
    return this.#frames[ordinal - this.#start]!
  }

  slice(from: number, to: number): readonly Frame[] {
    return this.#frames.slice(from - this.#start, to - this.#start)
  }

  /** Drops all frames before an ordinal. */
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

  /** Tells if a frame without a position was dropped at or after an ordinal. Such a frame is not in the log. */
  droppedUnkeptSince(ordinal: number): boolean {
    return this.#droppedUnkept >= ordinal
  }
}
