import type { Awaitable } from './awaitable.js'
import type { ReadResult, StoredMessage } from './backplane.js'
import type { Connection } from './connection.js'
import type { Engine } from './engine.js'
import { Frame } from './frame.js'
import type { Writer } from './line.js'
import { Piece, pieceChars } from './piece.js'
import { readChannels, readLimit } from './read-channels.js'

/** Where a connection goes on. */
export interface CatchUpStart {
  /** The ordinal in the cohort's queue from which on it needs frames. */
  readonly ordinal: number
  /** It has every event of its channels up to this position. */
  readonly position: number
  /**
   * Events after this position are in the queue at `ordinal` or later, up to it they are in the log.
   */
  readonly bridge: number
  /** Later starts of single channels: what is between `position` and them is not wanted, or was announced to be lost. */
  readonly floors?: Map<string, number>
  /** What `readChannels` said of this start already. */
  readonly first?: readonly ReadResult[]
}

/**
 * Gives one connection what it lacks: out of the log up to the bridge, from there on out of the cohort's queue, in which
 * the order of kept and live-only events is that of their publishing. At the end of the queue the connection is live.
 *
 * It writes only while the connection takes bytes, and keeps no event while it waits.
 */
export class CatchUp implements Writer {
  readonly #engine: Engine
  readonly #connection: Connection
  readonly #floors: Map<string, number>
  #ordinal: number
  #position: number
  #bridge: number
  #first: readonly ReadResult[] | undefined
  #reading = false

  constructor(engine: Engine, connection: Connection, start: CatchUpStart) {
    this.#engine = engine
    this.#connection = connection
    this.#ordinal = start.ordinal
    this.#position = start.position
    this.#bridge = start.bridge
    this.#floors = start.floors ?? new Map()
    this.#first = start.first
  }

  /** Goes on until the connection is live, has to drain, or is closed. */
  write(now: () => number, deadline: number): boolean {
    try {
      return this.#advance(now, deadline)
    } catch (error) {
      this.#connection.fail(error, 'read')
      return true
    } finally {
      // Nothing may be held while the connection drains, this read included.
      this.#first = undefined
    }
  }

  #advance(now: () => number, deadline: number): boolean {
    const connection = this.#connection
    while (connection.state !== 'closed' && !connection.congested && !this.#reading) {
      if (this.#position < this.#bridge) {
        const results = this.#read()
        if (results instanceof Promise) this.#await(results)
        else this.#giveLog(results)
      } else if (this.#ordinal < connection.cohort.queue.start) {
        this.#crossDropped()
      } else {
        this.#giveQueue()
        if (this.#ordinal === connection.cohort.queue.end) {
          connection.goLive(this.#ordinal, this.#position)
          return true
        }
      }
      if (now() >= deadline) return false
    }
    return true
  }

  #await(results: Promise<readonly ReadResult[]>): void {
    this.#reading = true
    results
      .then((settled) => {
        this.#reading = false
        this.#giveLog(settled)
        if (this.#connection.state !== 'closed') this.#engine.line.add(this)
      })
      .catch((error) => this.#connection.fail(error, 'read'))
  }

  /** The queue has dropped frames that this connection needs: they are in the log, except for those that are not kept. */
  #crossDropped(): void {
    const { queue, channels } = this.#connection.cohort
    if (queue.droppedUnkeptSince(this.#ordinal)) {
      const channel = channels.length === 1 ? channels[0] : undefined
      this.#connection.give(new Piece([Frame.gap(channel, 'lagged')]))
    }
    // A gap that was announced before this connection was given frames after it does not cover another hole.
    this.#floors.clear()
    this.#ordinal = queue.start
    this.#bridge = Math.max(this.#position, queue.droppedPosition)
  }

  #giveQueue(): void {
    const connection = this.#connection
    const { queue } = connection.cohort
    if (this.#ordinal === queue.end) return
    const shared = connection.cohort.piece(this.#ordinal, queue.end)
    const whole = !connection.filter && shared.lowest > this.#position
    const piece = whole ? shared : connection.select(shared, this.#position)
    this.#ordinal += shared.frames.length
    this.#position = Math.max(this.#position, shared.highest)
    connection.give(piece)
  }

  #read(): Awaitable<readonly ReadResult[]> {
    if (this.#first) {
      const first = this.#first
      this.#first = undefined
      return first
    }
    const { channels } = this.#connection.cohort
    const after = (channel: string) => Math.max(this.#position, this.#floors.get(channel) ?? 0)
    return readChannels(this.#engine.backplane, channels, after)
  }

  /** Writes what the log has, in order over all channels. */
  #giveLog(results: readonly ReadResult[]): void {
    const connection = this.#connection
    if (connection.state === 'closed') return
    const { channels } = connection.cohort
    const limit = readLimit(channels.length)
    let through = this.#bridge
    const found: [channel: string, message: StoredMessage][] = []
    // Notices of gaps go out in one write with what follows them, so that no more than one write is ever buffered.
    const frames: Frame[] = []
    for (const [index, { messages, continuous, reason, head }] of results.entries()) {
      const channel = channels[index]!
      // Only so far does this read know the channel: what comes later may be older than another channel's events.
      if (messages.length === limit) through = Math.min(through, messages.at(-1)!.seq)
      if (!continuous) frames.push(this.#gap(channel, messages[0]?.prev ?? head, reason))
      for (const message of messages) found.push([channel, message])
    }
    if (channels.length > 1) found.sort(([, one], [, other]) => one.seq - other.seq)
    let chars = 0
    for (const [channel, message] of found) {
      if (message.seq > through) break
      if (chars >= pieceChars) {
        through = this.#position
        break
      }
      this.#position = message.seq
      const frame = Frame.of(channel, message)
      if (!connection.sees(frame)) continue
      frames.push(frame)
      chars += frame.text.length
      this.#engine.counters.replayed++
    }
    this.#position = Math.max(this.#position, through)
    connection.give(frames.length > 0 ? new Piece(frames) : undefined)
  }

  #gap(channel: string, lostUpTo: number, reason: ReadResult['reason']): Frame {
    this.#floors.set(channel, lostUpTo)
    // What is missing after a stream began is missing because the connection was slow.
    return Frame.gap(channel, this.#connection.state === 'joining' && reason ? reason : 'lagged')
  }
}
