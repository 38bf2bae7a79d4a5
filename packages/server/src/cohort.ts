import type { Connection } from './connection.js'
import { FrameQueue } from './frame-queue.js'
import { Payload } from './payload.js'

/** Frames that are written in one piece. */
export interface Piece {
  readonly payload: Payload
  /** How many frames it holds. */
  readonly count: number
  /** The ordinal of its first frame. */
  readonly from: number
  /** The position that a live connection has reached before it. */
  readonly positionBefore: number
}

/** One write to every live connection, which may take several turns of the event loop. */
export interface Pass {
  readonly pieces: readonly Piece[]
  readonly from: number
  /** The ordinal after its last frame. */
  readonly to: number
  /** The position of its first event that has one; `Infinity` where none has. */
  readonly firstPosition: number
  readonly positionBefore: number
}

/** A burst is cut into pieces of this many characters, so that a slow connection can stop between two of them. */
const pieceChars = 65_536
/** How much is kept for connections that are catching up; what they miss of it they read from the log. */
const keptFrames = 256
const keptChars = 131_072
/** When more than this waits to be written, the connections read it from the log instead, each at its own pace. */
const maxPendingChars = 8_388_608
/** How often a pass looks at the clock, in connections. */
const connectionsPerLook = 32

/** All connections with the same set of channels: they get the same bytes. */
export class Cohort {
  readonly key: string
  readonly channels: readonly string[]
  readonly queue: FrameQueue = new FrameQueue()
  /** Connections that have everything up to the running pass. */
  readonly live: Set<Connection> = new Set()
  /** Connections that are not there yet, or not any more. */
  readonly catchingUp: Set<Connection> = new Set()
  /** When bytes last went to all live connections. */
  lastWriteAt = 0
  /** The ordinal up to which the queue was written to the live connections. */
  #written = 0
  #position = 0
  #pass: Pass | undefined
  #rest: IterableIterator<Connection> | undefined

  constructor(key: string, channels: readonly string[]) {
    this.key = key
    this.channels = channels
  }

  get empty(): boolean {
    return this.live.size === 0 && this.catchingUp.size === 0
  }

  /** Writes what waits to all live connections. Returns false when time is up before it is done. */
  flush(now: () => number, deadline: number): boolean {
    while (this.#pass || this.#written < this.queue.end) {
      if (!this.#pass) {
        if (this.queue.size > maxPendingChars) this.#overrun()
        this.#pass = this.#startPass(now())
      }
      this.#rest ??= this.live.values()
      let looks = 0
      for (let next = this.#rest.next(); !next.done; next = this.#rest.next()) {
        next.value.deliver(this.#pass)
        if (++looks % connectionsPerLook === 0 && now() > deadline) return false
      }
      this.#endPass(this.#pass)
    }
    return true
  }

  #startPass(now: number): Pass {
    this.lastWriteAt = now
    const from = this.#written
    const positionBefore = this.#position
    const pieces: Piece[] = []
    let start = from
    let startPosition = positionBefore
    let firstPosition = Infinity
    let text = ''
    const to = this.queue.end
    for (let ordinal = from; ordinal < to; ordinal++) {
      const frame = this.queue.at(ordinal)
      const position = Math.max(this.#position, frame.seq ?? 0)
      this.#position = position
      if (firstPosition === Infinity && frame.seq !== undefined) firstPosition = frame.seq
      if (this.live.size === 0) continue
      text += frame.text
      if (text.length >= pieceChars || ordinal === to - 1) {
        pieces.push({
          payload: new Payload(text),
          count: ordinal + 1 - start,
          from: start,
          positionBefore: startPosition,
        })
        text = ''
        start = ordinal + 1
        startPosition = position
      }
    }
    return { pieces, from, to, firstPosition, positionBefore }
  }

  #endPass(pass: Pass): void {
    this.#pass = undefined
    this.#rest = undefined
    this.#written = pass.to
    this.#trim()
  }

  /** Drops the frames that nobody needs, and those that connections catching up can do without. */
  #trim(): void {
    let keepFrom = this.#written
    let chars = 0
    while (this.catchingUp.size > 0 && keepFrom > this.queue.start && this.#written - keepFrom < keptFrames) {
      chars += this.queue.at(keepFrom - 1).text.length
      if (chars > keptChars) break
      keepFrom--
    }
    this.queue.dropBefore(keepFrom)
  }

  #overrun(): void {
    for (const connection of [...this.live]) connection.fallBehind(this.#written, this.#position)
  }
}
