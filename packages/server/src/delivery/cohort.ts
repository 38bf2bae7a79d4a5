import type { Compression } from './compression.js'
import { Epochs } from './epochs.js'
import type { Frame } from './frame.js'
import { FrameQueue } from './frame-queue.js'
import type { Writer } from './line.js'
import { cutPiece, Piece } from './piece.js'

/** The frames and characters kept for connections that are catching up. They read older events from the log. */
const keptFrames = 256
const keptChars = 131_072
/** The size of the queue, without its largest frame, above which the live connections fall behind and read the log instead. */
const maxQueueChars = 8_388_608
/** The number of cached pieces. More are needed only while many connections resume at different ordinals. */
const maxPieces = 64
/** The number of connections written to between two looks at the clock. */
const connectionsPerLook = 8

/** A connection, as its cohort sees it. */
export interface Member {
  readonly id: string
  /**
   * Writes the frames that it still lacks before an ordinal of the queue, as long as it is live.
   *
   * @returns False if it stopped at the deadline, with frames left.
   */
  deliver(to: number, now: () => number, deadline: number): boolean
  /** Moves it from `live` to `catchingUp`. From then on it reads at its own pace. */
  fallBehind(): void
}

/** All connections with the same set of channels. They share bytes. */
export class Cohort implements Writer {
  readonly servesLive = true
  readonly key: string
  readonly channels: readonly string[]
  readonly queue: FrameQueue = new FrameQueue()
  /** Connections that get each frame as it comes. */
  readonly live: Set<Member> = new Set()
  /** Connections that are joining or lagging. */
  readonly catchingUp: Set<Member> = new Set()
  /** The time of the last write to all live connections. */
  lastWriteAt = 0
  /** The latest time at which the oldest waiting frame can have been pushed. */
  #waitingSince = 0
  /** All live connections have the frames before this ordinal. */
  #written = 0
  /** The ordinal at which the current write ends, and the connections that it has yet to reach. */
  #to = 0
  #rest: IterableIterator<Member> | undefined
  /** The connection at which the running write stopped. */
  #stoppedAt: Member | undefined
  /** Pieces by their first ordinal. One that is not full may grow. */
  readonly #pieces = new Map<number, { readonly piece: Piece; readonly full: boolean }>()

  /** Most routes of the same channels have the same compression. */
  #epochs: WeakMap<Compression, Epochs> | undefined

  constructor(key: string, channels: readonly string[]) {
    this.key = key
    this.channels = channels
  }

  /** Its frames, compressed for all connections that take them so. */
  epochsOf(compression: Compression): Epochs {
    this.#epochs ??= new WeakMap()
    const epochs = this.#epochs.get(compression) ?? new Epochs(compression)
    this.#epochs.set(compression, epochs)
    return epochs
  }

  get empty(): boolean {
    return this.live.size === 0 && this.catchingUp.size === 0
  }

  /** The number of frames that some live connection still lacks. */
  get waiting(): number {
    return this.queue.end - this.#written
  }

  get waitingSince(): number {
    return this.#waitingSince
  }

  /** Adds a frame. Enforces the queue's bound here, because a write may come much later. */
  push(frame: Frame, now: number): void {
    const { queue } = this
    if (queue.size + frame.size > maxQueueChars + Math.max(queue.largest, frame.size)) this.#overrun()
    if (this.waiting === 0) this.#waitingSince = now
    queue.push(frame)
  }

  #overrun(): void {
    for (const connection of [...this.live]) connection.fallBehind()
    this.#rest = undefined
    this.#stoppedAt = undefined
    this.#written = this.queue.end
    this.#trim()
  }

  /** Writes the waiting frames to all live connections. */
  write(now: () => number, deadline: number): boolean {
    while (this.waiting > 0) {
      if (!this.#rest) {
        this.#rest = this.live.values()
        this.#to = this.queue.end
        this.lastWriteAt = now()
      }
      let looks = 0
      for (let member = this.#stoppedAt ?? this.#nextMember(); member; member = this.#nextMember()) {
        this.#stoppedAt = undefined
        const done = member.deliver(this.#to, now, deadline)
        // A filter that published may have overrun the queue.
        if (!this.#rest) break
        if (!done) {
          this.#stoppedAt = member
          return false
        }
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

  #nextMember(): Member | undefined {
    return this.#rest!.next().value
  }

  /** Takes a connection that is closed, or goes over to another cohort, out of `live`. */
  letGo(member: Member): void {
    this.live.delete(member)
    // It would be asked for an ordinal of this queue.
    if (this.#stoppedAt === member) this.#stoppedAt = undefined
  }

  /** Takes a connection that has caught up, or is closed, out of `catchingUp`. */
  caughtUp(member: Member): void {
    // The frames that were kept for it would stay until the next event.
    if (this.catchingUp.delete(member) && this.catchingUp.size === 0) this.#trim()
  }

  /**
   * The piece that begins at an ordinal. It is full, or reaches at least up to `to`. The same for everyone who asks.
   * There MUST be a frame at `from`.
   */
  piece(from: number, to: number): Piece {
    const known = this.#pieces.get(from)
    if (known && (known.full || from + known.piece.frames.length >= to)) return known.piece
    const { queue } = this
    const { end, full } = cutPiece(from, queue.end, (ordinal) => queue.frameAt(ordinal))
    const piece = new Piece(queue.slice(from, end))
    if (this.#pieces.size >= maxPieces) this.#pieces.clear()
    this.#pieces.set(from, { piece, full })
    return piece
  }

  /** Drops the frames that every live connection has, except for a few that spare connections catching up a read of the log. */
  #trim(): void {
    const { queue } = this
    let keepFrom = this.#written
    let chars = 0
    while (this.catchingUp.size > 0 && keepFrom > queue.start && this.#written - keepFrom < keptFrames) {
      chars += queue.frameAt(keepFrom - 1).size
      if (chars > keptChars) break
      keepFrom--
    }
    queue.dropBefore(keepFrom)
    for (const from of this.#pieces.keys()) if (from < queue.start) this.#pieces.delete(from)
  }
}
