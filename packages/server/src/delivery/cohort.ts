import { type Frame, largeChars } from './frame.js'
import { FrameQueue } from './frame-queue.js'
import type { Writer } from './line.js'
import { Piece, pieceChars } from './piece.js'

/** How much is kept for connections that are catching up; what they miss of it they read from the log. */
const keptFrames = 256
const keptChars = 131_072
/** With more than this in the queue, beside its largest frame, the connections read the log instead, each at its own pace. */
const maxQueueChars = 8_388_608
/** How many pieces are remembered: more than that are cut only while many connections go on from different places. */
const maxPieces = 64
/** How often a write to all connections looks at the clock, in connections. */
const connectionsPerLook = 8

/** A connection, as its cohort sees it. */
export interface Member {
  readonly id: string
  /** Writes to it the frames of the queue that it lacks before an ordinal, while it is live. */
  deliver(to: number): void
  /** Takes it out of `live`. From then on it reads at its own pace. */
  fallBehind(): void
}

/** All connections with the same set of channels: they get the same bytes. */
export class Cohort implements Writer {
  readonly key: string
  readonly channels: readonly string[]
  readonly queue: FrameQueue = new FrameQueue()
  /** Connections that are given each frame as it comes. */
  readonly live: Set<Member> = new Set()
  /** Connections that are not there yet, or not any more. */
  readonly catchingUp: Set<Member> = new Set()
  /** When bytes last went to all live connections. */
  lastWriteAt = 0
  /** Since when the oldest frame waits that some live connection has not been given; at the latest. */
  #waitingSince = 0
  /** The ordinal up to which all live connections have been given the queue. */
  #written = 0
  /** Where the running write ends, and who has not been given it. */
  #to = 0
  #rest: IterableIterator<Member> | undefined
  /** By the ordinal at which they begin; one that is not full may grow. */
  readonly #pieces = new Map<number, { readonly piece: Piece; readonly full: boolean }>()

  constructor(key: string, channels: readonly string[]) {
    this.key = key
    this.channels = channels
  }

  get empty(): boolean {
    return this.live.size === 0 && this.catchingUp.size === 0
  }

  /** How many frames wait to be given to the live connections. */
  get waiting(): number {
    return this.queue.end - this.#written
  }

  get waitingSince(): number {
    return this.#waitingSince
  }

  /** The queue has its bound here, not where it is written: nobody knows when there is time for that. */
  push(frame: Frame, now: number): void {
    const { queue } = this
    if (queue.size + frame.size > maxQueueChars + Math.max(queue.largest, frame.size)) this.#overrun()
    if (this.waiting === 0) this.#waitingSince = now
    queue.push(frame)
  }

  #overrun(): void {
    for (const connection of [...this.live]) connection.fallBehind()
    this.#rest = undefined
    this.#written = this.queue.end
    this.#trim()
  }

  /** Writes what waits to all live connections. */
  write(now: () => number, deadline: number): boolean {
    while (this.waiting > 0) {
      if (!this.#rest) {
        this.#rest = this.live.values()
        this.#to = this.queue.end
        this.lastWriteAt = now()
      }
      let looks = 0
      for (let next = this.#rest.next(); !next.done; next = this.#rest.next()) {
        next.value.deliver(this.#to)
        // What it called may have sent all connections to the log.
        if (!this.#rest) break
        if (++looks % connectionsPerLook === 0 && now() >= deadline) return false
      }
      this.#rest = undefined
      this.#written = Math.max(this.#written, this.#to)
      this.#waitingSince = this.lastWriteAt
      this.#trim()
      if (now() >= deadline) break
    }
    return this.waiting === 0
  }

  /**
   * Frames from an ordinal on, at least up to another one or as many as make a piece: the same piece for everyone who
   * asks. There has to be such a frame.
   */
  piece(from: number, to: number): Piece {
    const known = this.#pieces.get(from)
    if (known && (known.full || from + known.piece.frames.length >= to)) return known.piece
    const cut = this.#cut(from)
    if (this.#pieces.size >= maxPieces) this.#pieces.clear()
    this.#pieces.set(from, cut)
    return cut.piece
  }

  #cut(from: number): { piece: Piece; full: boolean } {
    const { queue } = this
    let to = from
    let chars = 0
    let full = false
    while (to < queue.end && !full) {
      const { size } = queue.at(to)
      // A large frame makes a piece of its own: in that, the same bytes go to every cohort.
      if (size > largeChars && to > from) full = true
      else {
        chars += size
        to++
        full = chars >= pieceChars
      }
    }
    return { piece: new Piece(queue.slice(from, to)), full }
  }

  /** Drops the frames that nobody needs, and those that connections catching up can do without. */
  #trim(): void {
    const { queue } = this
    let keepFrom = this.#written
    let chars = 0
    while (this.catchingUp.size > 0 && keepFrom > queue.start && this.#written - keepFrom < keptFrames) {
      chars += queue.at(keepFrom - 1).size
      if (chars > keptChars) break
      keepFrom--
    }
    queue.dropBefore(keepFrom)
    for (const from of this.#pieces.keys()) if (from < queue.start) this.#pieces.delete(from)
  }
}
