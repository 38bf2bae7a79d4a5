import { encodeControlEvent } from '@rivulet/core'
import type { ReadResult } from '../backplane/backplane.js'
import { formatPosition } from '../backplane/position.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import { type Leave, whenSettled } from '../runtime/guard.js'
import type { Batch } from './batch.js'
import type { Cohort } from './cohort.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { Frame } from './frame.js'
import type { Writer } from './line.js'
import { type LogPage, makePage } from './log-page.js'
import { cutMessages, framesPerLook, Piece, type Taken } from './piece.js'
import { readChannels, readLimit, shortReadLimit } from './read-channels.js'
import { batchOf } from './replays.js'
import type { Verdicts } from './verdicts.js'

// Serves a lagging or resuming connection from the log, at the pace of its client.

/** The point from which a connection catches up. */
export interface CatchUpStart {
  /** The ordinal of the first frame that it needs from the cohort's queue. */
  readonly ordinal: number
  /** The connection has every event of its channels up to this position. */
  readonly position: number
  /** Events up to this position are in the log. Later ones are in the queue, at `ordinal` or after it. */
  readonly bridge: number
  /** Later starting positions of single channels. Events between `position` and these are not wanted, or were announced as lost. */
  readonly floors?: ReadonlyMap<string, number>
  /** The part that the connection has from an earlier cohort. */
  readonly earlier?: Earlier
  /** Tells the stream where its history ends. */
  readonly live?: LiveMark
  /** Pages of the log that were already read from this start. */
  readonly pages?: readonly LogPage[]
  /** The filter's verdicts on events that were read from this start. */
  readonly verdicts?: Verdicts | undefined
}

/** The part of a connection's events that it got from its earlier cohort. */
export interface Earlier {
  readonly channels: ReadonlySet<string>
  /** It has every event of these channels up to this position, and their frames before this ordinal of the new queue. */
  readonly position: number
  readonly ordinal: number
}

/** The end of a stream's history. */
export interface LiveMark {
  readonly change?: number | undefined
  /** The position for the client if no event comes after the bridge. `undefined` if it keeps its own. */
  readonly cursor?: number
}

/** A connection, as its catch-up sees it. */
export interface CatchUpTarget {
  /** Writes control events. */
  write(text: string): void
  readonly state: ConnectionInfo['state']
  readonly cohort: Cohort
  /** True while it cannot take more bytes. `onDrain` ends this. */
  readonly congested: boolean
  /** True if the stream has a filter. */
  readonly filtered: boolean
  /** Tells if the stream's filter lets a frame pass. */
  sees(frame: Frame): boolean
  /** True if it gets nothing of a channel that its cohort has. */
  withholds(channel: string): boolean
  /** Takes the frames of a piece that come after a position and pass the filter, until it is late. */
  take(piece: Piece, position: number, isLate: () => boolean): Taken
  /** Writes a payload; `undefined` for a step that had nothing to write. */
  give(piece: Batch | undefined): void
  /** Called when it has all frames before an ordinal of the queue and all events up to a position. */
  goLive(ordinal: number, position: number): void
  fail(error: unknown, stage: 'read'): void
}

/**
 * Gives one connection the events that it lacks: from the log up to the bridge, then from the cohort's queue, which has
 * kept and live-only events in the order of publishing. At the end of the queue the connection goes live.
 *
 * Writes only while the connection takes bytes, and holds no event while it waits.
 */
export class CatchUp implements Writer {
  readonly servesLive = false
  readonly #runtime: DeliveryRuntime
  readonly #connection: CatchUpTarget
  #floors: ReadonlyMap<string, number> | undefined
  #ordinal: number
  #position: number
  #bridge: number
  /** Pages that were read but not yet given. Dropped while the connection drains, and read again later. */
  #pages: LogPage[]
  /** The page that is being given, and the index of its next event. */
  #page: LogPage | undefined
  #index = 0
  #reading = false
  /** The number of events of each channel to read next. */
  #limit: number
  #live: LiveMark | undefined
  readonly #begun: number
  readonly #earlier: Earlier | undefined
  readonly #verdicts: Verdicts | undefined
  #leave: Leave | undefined

  constructor(runtime: DeliveryRuntime, connection: CatchUpTarget, start: CatchUpStart) {
    this.#runtime = runtime
    this.#connection = connection
    this.#ordinal = start.ordinal
    this.#position = start.position
    this.#bridge = start.bridge
    this.#limit = readLimit(connection.cohort.channels.length)
    this.#floors = start.floors
    this.#pages = start.pages ? [...start.pages] : []
    this.#verdicts = start.verdicts
    this.#live = start.live
    this.#begun = start.bridge
    this.#earlier = start.earlier
  }

  /** Continues until the connection is live, congested or closed. */
  write(now: () => number, deadline: number): boolean {
    try {
      return this.#advance(now, deadline)
    } catch (error) {
      this.#connection.fail(error, 'read')
      return true
    }
  }

  #advance(now: () => number, deadline: number): boolean {
    const connection = this.#connection
    const isLate = () => now() >= deadline
    while (connection.state !== 'closed' && !this.#reading) {
      // Even while it drains: nothing has to be read for it.
      if (this.#hasAll) {
        connection.goLive(this.#ordinal, this.#position)
        return true
      }
      if (connection.congested) {
        this.#pages = []
        this.#page = undefined
        return true
      }
      if (this.#page) this.#givePage(this.#page, isLate)
      else if (this.#pages.length > 0) this.#beginPage()
      else if (this.#position < this.#bridge) this.#read()
      else if (this.#live && !this.#overlaps) this.#markLive(this.#live)
      else if (this.#ordinal < connection.cohort.queue.start) this.#crossDropped()
      else if (this.#overlaps) this.#giveOverlap(this.#earlier!)
      else this.#giveQueue(isLate)
      if (isLate()) return false
    }
    return true
  }

  get #hasAll(): boolean {
    if (this.#page || this.#pages.length > 0 || this.#live) return false
    return this.#position >= this.#bridge && this.#ordinal === this.#connection.cohort.queue.end
  }

  /** True while the queue is at frames that the earlier cohort had, too. */
  get #overlaps(): boolean {
    return this.#earlier !== undefined && this.#ordinal < this.#earlier.ordinal
  }

  #markLive({ change, cursor }: LiveMark): void {
    this.#live = undefined
    // Up to the bridge, the position may be that of an event on a channel of others, and must stay secret.
    const own = this.#position > this.#begun ? this.#position : cursor
    const id = cursor === undefined ? undefined : formatPosition(own!)
    this.#connection.write(encodeControlEvent({ type: 'rivulet:live', change }, { id }))
  }

  /** Returns to the log for frames that the queue has dropped. Live-only events among them are lost: announces a gap. */
  #crossDropped(): void {
    const { queue, channels } = this.#connection.cohort
    if (queue.droppedUnkeptSince(this.#ordinal)) {
      const channel = channels.length === 1 ? channels[0] : undefined
      this.#connection.give(new Piece([Frame.gap(channel, 'lagged')]))
    }
    // Frames came after the gaps announced so far, so those do not cover another hole.
    this.#floors = undefined
    this.#ordinal = queue.start
    this.#bridge = Math.max(this.#position, queue.droppedPosition)
  }

  #giveQueue(isLate: () => boolean): void {
    const connection = this.#connection
    const { queue } = connection.cohort
    if (this.#ordinal === queue.end) return
    const shared = connection.cohort.piece(this.#ordinal, queue.end)
    const whole = !connection.filtered && shared.lowest > this.#position
    const { taken, given } = whole ? { taken: shared, given: shared } : connection.take(shared, this.#position, isLate)
    this.#ordinal += taken.frames.length
    this.#position = Math.max(this.#position, taken.highest)
    connection.give(given)
  }

  /** Gives some frames that the earlier cohort had, too: those of the new channels. */
  #giveOverlap({ channels, ordinal }: Earlier): void {
    const { queue } = this.#connection.cohort
    const frames = queue.slice(this.#ordinal, Math.min(ordinal, this.#ordinal + framesPerLook))
    const missing = frames.filter(({ channel }) => channel === undefined || !channels.has(channel))
    if (missing.length > 0) {
      const { given } = this.#connection.take(new Piece(missing), this.#position, () => false)
      this.#connection.give(given)
    }
    this.#ordinal += frames.length
    for (const { position = 0 } of frames) this.#position = Math.max(this.#position, position)
  }

  #read(): void {
    const { channels: all } = this.#connection.cohort
    const earlier = this.#earlier
    const after = (channel: string) =>
      Math.max(this.#position, this.#floors?.get(channel) ?? 0, earlier?.channels.has(channel) ? earlier.position : 0)
    const channels = earlier ? all.filter((channel) => after(channel) < this.#bridge) : all
    const limit = this.#limit
    const results = readChannels(this.#runtime.backplane, channels, after, limit)
    if (!(results instanceof Promise)) {
      this.#onRead(channels, results, limit)
      return
    }
    this.#reading = true
    const onFailure = (error: unknown) => this.#connection.fail(error, 'read')
    const onValue = (settled: readonly ReadResult[]) => {
      this.#reading = false
      try {
        this.#onRead(channels, settled, limit)
        this.#runtime.line.add(this)
      } catch (error) {
        onFailure(error)
      }
    }
    this.#leave = whenSettled(results, onValue, onFailure)
  }

  /** Stops for good. Whatever it was reading may never come, and does not hold on to it. */
  stop(): void {
    this.#leave?.()
    this.#runtime.line.remove(this)
  }

  #onRead(channels: readonly string[], results: readonly ReadResult[], limit: number): void {
    if (results.some(({ messages }) => messages.length > 0)) this.#limit = shortReadLimit(results)
    this.#pages.push(makePage({ channels, bridge: this.#bridge, limit }, results))
  }

  #beginPage(): void {
    const page = this.#pages.shift()!
    this.#page = page
    this.#index = 0
    this.#endPage(page)
    if (page.lost.length === 0) return
    const gaps: Frame[] = []
    // A copy: streams that joined together have the same floors.
    const floors = new Map(this.#floors)
    this.#floors = floors
    for (const { channel, upTo, reason } of page.lost) {
      floors.set(channel, upTo)
      if (this.#connection.withholds(channel)) continue
      // After joining, events can only be lost because the connection was slow.
      gaps.push(Frame.gap(channel, this.#connection.state === 'joining' && reason ? reason : 'lagged'))
    }
    if (gaps.length > 0) this.#connection.give(new Piece(gaps))
  }

  /** Goes on to the next page if nothing is left of this one. */
  #endPage(page: LogPage): void {
    if (this.#index < page.messages.length) return
    this.#position = Math.max(this.#position, page.through)
    this.#page = undefined
  }

  #givePage(page: LogPage, isLate: () => boolean): void {
    const part = this.#connection.filtered ? this.#filterPage(page, isLate) : this.#nextPart(page)
    this.#position = page.messages[this.#index - 1]!.position
    this.#endPage(page)
    if (part) this.#runtime.counters.replayed += part.events
    this.#connection.give(part)
  }

  #nextPart(page: LogPage): Batch {
    const part = this.#runtime.replays.part(page, this.#index)
    this.#index += part.events
    return part
  }

  /** Moves on by a piece at most, and returns what the filter lets pass of it. */
  #filterPage(page: LogPage, isLate: () => boolean): Batch | undefined {
    const { messages, channelOf } = page
    const { end } = cutMessages(messages, this.#index)
    const frames: Frame[] = []
    while (this.#index < end) {
      const frame = this.#runtime.replays.frame(channelOf(this.#index), messages[this.#index]!)
      if (this.#passes(frame)) frames.push(frame)
      if (++this.#index % framesPerLook === 0 && isLate()) break
    }
    return frames.length > 0 ? batchOf(frames) : undefined
  }

  #passes(frame: Frame): boolean {
    if (!this.#verdicts) return this.#connection.sees(frame)
    return this.#verdicts.of(frame) && !this.#connection.withholds(frame.channel!)
  }
}
