import { encodeControlEvent } from '@rivulet/core'
import type { ReadResult } from '../backplane/backplane.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import { type Leave, whenSettled } from '../runtime/guard.js'
import type { Batch } from './batch.js'
import type { Cohort } from './cohort.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { Frame } from './frame.js'
import type { Writer } from './line.js'
import { type LogPage, makePage } from './log-page.js'
import { cutPiece, framesPerLook, Piece, type Taken } from './piece.js'
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
  /** Later starting positions of single channels. Events between `position` and these are not wanted, or were announced as lost. The catch-up adds to it. */
  readonly floors?: Map<string, number>
  /** Tells the stream where the log ends: events up to the bridge are history. */
  readonly marksLive?: boolean
  /** Pages of the log that were already read from this start. */
  readonly pages?: readonly LogPage[]
  /** The filter's verdicts on events that were read from this start. */
  readonly verdicts?: Verdicts | undefined
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
  #floors: Map<string, number> | undefined
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
  #marksLive: boolean
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
    this.#marksLive = start.marksLive ?? false
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
      else if (this.#marksLive) this.#markLive()
      else if (this.#ordinal < connection.cohort.queue.start) this.#crossDropped()
      else this.#giveQueue(isLate)
      if (isLate()) return false
    }
    return true
  }

  get #hasAll(): boolean {
    if (this.#page || this.#pages.length > 0 || this.#marksLive) return false
    return this.#position >= this.#bridge && this.#ordinal === this.#connection.cohort.queue.end
  }

  #markLive(): void {
    this.#marksLive = false
    this.#connection.write(encodeControlEvent({ type: 'rivulet:live' }))
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

  #read(): void {
    const { channels } = this.#connection.cohort
    const after = (channel: string) => Math.max(this.#position, this.#floors?.get(channel) ?? 0)
    const limit = this.#limit
    const results = readChannels(this.#runtime.backplane, channels, after, limit)
    if (!(results instanceof Promise)) {
      this.#onRead(results, limit)
      return
    }
    this.#reading = true
    const onFailure = (error: unknown) => this.#connection.fail(error, 'read')
    const onValue = (settled: readonly ReadResult[]) => {
      this.#reading = false
      try {
        this.#onRead(settled, limit)
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

  #onRead(results: readonly ReadResult[], limit: number): void {
    const { channels } = this.#connection.cohort
    if (results.some(({ messages }) => messages.length > 0)) this.#limit = shortReadLimit(results)
    this.#pages.push(makePage({ channels, bridge: this.#bridge, limit }, results))
  }

  #beginPage(): void {
    const page = this.#pages.shift()!
    this.#page = page
    this.#index = 0
    this.#endPage(page)
    if (page.lost.length === 0) return
    const gaps = page.lost.map(({ channel, upTo, reason }) => {
      this.#floors ??= new Map()
      this.#floors.set(channel, upTo)
      // After joining, events can only be lost because the connection was slow.
      return Frame.gap(channel, this.#connection.state === 'joining' && reason ? reason : 'lagged')
    })
    this.#connection.give(new Piece(gaps))
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
    const { end } = cutPiece(this.#index, messages.length, (index) => messages[index]!.data.length)
    const frames: Frame[] = []
    while (this.#index < end) {
      const frame = this.#runtime.replays.frame(channelOf(this.#index), messages[this.#index]!)
      if (this.#verdicts ? this.#verdicts.of(frame) : this.#connection.sees(frame)) frames.push(frame)
      if (++this.#index % framesPerLook === 0 && isLate()) break
    }
    return frames.length > 0 ? batchOf(frames) : undefined
  }
}
